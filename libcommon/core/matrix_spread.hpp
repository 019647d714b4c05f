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
  static constexpr uint32_t kMostHeld = 16;  // columns of a block

  // Columns are told apart if there are several rows, of at most kMaxColumns.
  void begin_matrix(uint64_t columns, uint64_t elements) {
    all_.begin_piece();
    has_columns_ = columns < elements && columns <= kMaxColumns;
    const size_t count =
        has_columns_ && columns > kMostHeld ? static_cast<size_t>(columns) : kMostHeld;
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

    // --- by columns

    Expected expected() const { return {count_ > 1, before_ + *column_}; }

    void learn(int32_t bits, int32_t exponent) {
      const int32_t seen = kUnit * (bits + exponent);
      begin(seen);
      move_both(seen - now_ - *column_);
    }
    void learn_none(int32_t exponent) {
      if (count_ != 0) [[likely]]
        move_both(none(kUnit * exponent - now_ - *column_));
    }

    void next_column() { column_ += has_columns_; }

    // --- by blocks: what is expected of all columns of a block is what was before it

    // How many columns the next block has, of so many that are left.
    uint32_t held(uint32_t left) const {
      const uint32_t most = count_ < 4               ? 1
                            : count_ < 4 * kMostHeld ? count_ / 4
                                                     : kMostHeld;
      return left < most ? left : most;
    }
    bool is_known() const { return count_ > 0; }
    [[gnu::always_inline]] void find_here(uint32_t count, int32_t* here) const {
      for (uint32_t i = 0; i < count; ++i) here[i] = now_ + column_[i];
    }

    // By column: the exponent of a residual, its bits in 1024ths (0 if there is none), and
    // what find_here() told.
    [[gnu::always_inline]] void learn_block(uint32_t count, const int16_t* exponents,
                                            const int16_t* lengths, int32_t* here) {
      if (count_ == 0) [[unlikely]] {
        if (lengths[0] == 0) {
          column_ += has_columns_;
          return;
        }
        now_ = here[0] = kUnit * exponents[0] + lengths[0];
      }
      std::array<int16_t, kMostHeld> surprises;
      int32_t sum = 0;
      for (uint32_t i = 0; i < count; ++i) {
        const int32_t difference = kUnit * exponents[i] + lengths[i] - here[i];
        // As none() does, and without a branch: both are there before it is known which.
        const int32_t half = (difference < 0 ? difference : 0) >> 1;
        surprises[i] = narrow(lengths[i] != 0 ? difference : half);
        sum += surprises[i];
      }
      if (has_columns_ != 0) move_columns(count, surprises.data());
      const uint32_t last = count_ + count - 1;
      now_ += share(sum, last < kLimit ? last : kLimit);
      count_ = last < kLimit ? last + 1 : kLimit;
    }

   private:
    [[gnu::always_inline]] void move_both(int32_t by) {
      move(by);
      if (has_columns_ != 0) *column_ += share(by, row_count_);
    }
    [[gnu::always_inline]] void move_columns(uint32_t count, const int16_t* by) {
      const auto rate = static_cast<int16_t>(kRates[row_count_]);
      for (uint32_t i = 0; i < count; ++i) {
        column_[i] += static_cast<int16_t>((by[i] * rate) >> 16);
      }
      column_ += count;
    }
    static int16_t narrow(int32_t number) {
      number = number < INT16_MIN ? INT16_MIN : number;
      return static_cast<int16_t>(number > INT16_MAX ? INT16_MAX : number);
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
