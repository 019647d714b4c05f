// MatrixSpread: how large the residuals of a matrix are, by what those before were in all
// columns and in the same one (docs/format/values.md, "Residuals").
//
// What a column of weights is multiplied with is the same for all rows: where that is
// small, or never there, training changes the column little.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/low_rank.hpp"
#include "libcommon/core/residual_model.hpp"

namespace mallorn {

class MatrixSpread {
 public:
  // Columns are told apart if there are several rows, of at most kMaxColumns.
  void begin_matrix(uint64_t columns, uint64_t elements) {
    all_.begin_piece();
    has_columns_ = columns < elements && columns <= kMaxColumns;
    const size_t count = has_columns_ ? static_cast<size_t>(columns) : 1;
    for (size_t j = 0; j < count; ++j) columns_[j] = 0;
  }
  void begin_row(uint64_t row) {
    all_.begin_row();
    row_count_ =
        row < kRowLimit - kBegunRows ? static_cast<uint32_t>(row) + kBegunRows : kRowLimit;
  }

  // The spread in a loop over columns of a row: what is common to them is a copy, which
  // goes back at its end.
  class Row : public Spread {
   public:
    explicit Row(MatrixSpread& home)
        : Spread(home.all_),
          home_(home),
          column_(home.columns_.data()),
          row_count_(home.row_count_),
          has_columns_(home.has_columns_ ? 1 : 0) {}
    ~Row() { home_.all_ = *this; }
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;

    void next_column() { column_ += has_columns_; }

    // Of the column; and of the one behind it, before this one has learned.
    Expected expected() const { return {count_ > 1, before_ + *column_}; }
    Expected next_expected() const { return {count_ > 0, now_ + column_[has_columns_]}; }

    void learn(int32_t bits, int32_t exponent) {
      const int32_t seen = kUnit * (bits + exponent);
      begin(seen);
      move_both(seen - now_ - *column_);
    }
    void learn_none(int32_t exponent) {
      if (count_ != 0) [[likely]]
        move_both(none(kUnit * exponent - now_ - *column_));
    }

   private:
    [[gnu::always_inline]] void move_both(int32_t by) {
      move(by);
      if (has_columns_ != 0) *column_ += share(by, row_count_);
    }

    MatrixSpread& home_;
    int32_t* column_;
    uint32_t row_count_;
    uint32_t has_columns_;
  };

 private:
  static constexpr uint32_t kBegunRows = 16;  // count of a column, when a matrix begins
  static constexpr uint32_t kRowLimit = 254;

  Spread all_;
  bool has_columns_ = false;
  uint32_t row_count_ = 0;
  // By how much they are above all others; those in use are cleared when a matrix begins.
  std::array<int32_t, kMaxColumns> columns_;
};

}  // namespace mallorn
