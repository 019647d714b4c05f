// LowRank: what the training of a matrix adds to it, as the sum of a few products of a
// column of numbers and a row of numbers (docs/format/values.md, "Ranks").
//
// A gradient is a sum of outer products, and those of a short training resemble one
// another. Much of an update is therefore in few ranks: all of it, if it was trained as
// such (LoRA).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mallorn {

constexpr uint32_t kMaxRanks = 64;
constexpr uint32_t kMaxColumns = 1u << 14;
constexpr uint32_t kMaxFactors = 1u << 17;  // of all ranks, by column
constexpr uint32_t kMaxRankUnit = (1u << 24) - 1;

// Sums wrap around modulo 2^32: an encoder takes no factors for which that would harm.
class LowRank {
 public:
  // `ranks` * `columns` is at most kMaxFactors, `columns` at most kMaxColumns.
  void begin(uint32_t ranks, uint32_t columns) {
    ranks_ = ranks;
    columns_ = columns;
  }
  uint32_t ranks() const { return ranks_; }

  void set_unit(uint32_t rank, uint32_t unit) { unit_[rank] = unit; }
  void set_column(uint32_t rank, uint32_t column, int16_t factor) {
    factor_[size_t{rank} * columns_ + column] = factor;
  }

  // The shifts of a row: for each column, the sum over the ranks of unit * factor of the
  // row * factor of the column.
  void begin_row(const std::array<int16_t, kMaxRanks>& factors) {
    for (uint32_t j = 0; j < columns_; ++j) shift_[j] = 0;
    for (uint32_t rank = 0; rank < ranks_; ++rank) {
      const uint32_t by = static_cast<uint32_t>(factors[rank]) * unit_[rank];
      const int16_t* factor = factor_.data() + size_t{rank} * columns_;
      for (uint32_t j = 0; j < columns_; ++j) {
        shift_[j] += by * static_cast<uint32_t>(factor[j]);
      }
    }
  }
  int32_t shift(uint32_t column) const { return static_cast<int32_t>(shift_[column]); }

 private:
  uint32_t ranks_ = 0;
  uint32_t columns_ = 0;
  std::array<uint32_t, kMaxRanks> unit_{};
  std::array<int16_t, kMaxFactors> factor_{};
  std::array<uint32_t, kMaxColumns> shift_{};
};

}  // namespace mallorn
