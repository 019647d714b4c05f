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
    for (uint32_t rank = 0; rank < ranks_; rank += kTogether) {
      std::array<Multiplier, kTogether> by{};
      std::array<const int16_t*, kTogether> factor;
      for (uint32_t k = 0; k < kTogether; ++k) {
        const bool is_there = rank + k < ranks_;
        if (is_there)
          by[k] = Multiplier(static_cast<uint32_t>(factors[rank + k]) * unit_[rank + k]);
        factor[k] = factor_.data() + (is_there ? size_t{rank + k} * columns_ : 0);
      }
      add_products(by, factor);
    }
  }
  int32_t shift(uint32_t column) const { return static_cast<int32_t>(shift_[column]); }

 private:
  static constexpr uint32_t kTogether = 4;

  // A number of 32 bits as 65536 * high + low: there are vector instructions for products
  // of 16 bits on every processor.
  struct Multiplier {
    Multiplier() = default;
    explicit Multiplier(uint32_t number)
        : low(static_cast<int16_t>(number)),
          high(static_cast<uint16_t>((number - static_cast<uint32_t>(low)) >> 16)) {}
    int16_t low = 0;
    uint16_t high = 0;
  };

  void add_products(const std::array<Multiplier, kTogether>& by,
                    const std::array<const int16_t*, kTogether>& factor) {
    const Multiplier a = by[0], b = by[1], c = by[2], d = by[3];
    const int16_t *fa = factor[0], *fb = factor[1], *fc = factor[2], *fd = factor[3];
    // Modulo 2^16; numbers of 16 bits would be multiplied as ints, which overflow.
    const auto times = [](uint16_t high, int16_t number) {
      return uint32_t{high} * static_cast<uint16_t>(number);
    };
    for (uint32_t j = 0; j < columns_; ++j) {
      const auto high = static_cast<uint16_t>(times(a.high, fa[j]) + times(b.high, fb[j]) +
                                              times(c.high, fc[j]) + times(d.high, fd[j]));
      shift_[j] += (uint32_t{high} << 16) + static_cast<uint32_t>(a.low * fa[j]) +
                   static_cast<uint32_t>(b.low * fb[j]) +
                   static_cast<uint32_t>(c.low * fc[j]) +
                   static_cast<uint32_t>(d.low * fd[j]);
    }
  }

  uint32_t ranks_ = 0;
  uint32_t columns_ = 0;
  // Written before they are read, and too long to be cleared for every section.
  std::array<uint32_t, kMaxRanks> unit_;
  std::array<int16_t, kMaxFactors> factor_;
  std::array<uint32_t, kMaxColumns> shift_;
};

}  // namespace mallorn
