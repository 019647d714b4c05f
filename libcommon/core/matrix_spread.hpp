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
          has_columns_(home.has_columns_) {}
    ~Row() { home_.all_ = *this; }
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;

    void go_to(uint32_t column) {
      column_ = home_.columns_.data() + (has_columns_ ? column : 0);
    }

    int32_t expected() const { return expected_ + *column_; }

    void learn(int32_t bits, int32_t exponent) {
      if (!begin(bits, exponent)) return;
      const int32_t seen = kUnit * (bits + exponent);
      const int32_t by = surprise(bits, seen - expected());
      move(by);
      if (has_columns_) {
        const int32_t apart = *column_ + share(by, row_count_);
        *column_ = apart < -kMostApart  ? -kMostApart
                   : apart > kMostApart ? kMostApart
                                        : apart;
      }
    }

   private:
    static constexpr int32_t kMostApart = 16 * kUnit;

    MatrixSpread& home_;
    int32_t* column_;
    uint32_t row_count_;
    bool has_columns_;
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
