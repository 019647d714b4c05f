// Counts what a model would make of its input, without writing it: a coder like
// RangeEncoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/symbol_model.hpp"
#include "libcommon/log2.hpp"

namespace mallorn::pack {

// The cost of a bit by its probability, of which 12 bits count, in 1/1024 bit.
constexpr std::array<uint16_t, 4097> make_bit_costs() {
  std::array<uint16_t, 4097> costs{};
  for (uint64_t i = 0; i < costs.size(); ++i) {
    // Of the middle of the probabilities that share an entry.
    costs[i] = static_cast<uint16_t>(13 * 1024 - log2_1024(2 * i + 1));
  }
  return costs;
}
inline constexpr std::array<uint16_t, 4097> kBitCosts = make_bit_costs();

class BitCost {
 public:
  uint32_t code(uint32_t p16, uint32_t bit) {
    cost_ += kBitCosts[(bit != 0 ? p16 : 65536 - p16) >> 4];
    return bit;
  }
  uint32_t code_fine(uint32_t p22, uint32_t bit) {
    cost_ += kBitCosts[(bit != 0 ? p22 : (1u << 22) - p22) >> 10];
    return bit;
  }
  uint32_t code_symbol(const SymbolModel::Bounds& bounds, uint32_t symbol,
                       [[maybe_unused]] bool foresees_first) {
    cost_ += kBitCosts[(bounds[symbol + 1] - bounds[symbol]) >> 3];
    return symbol;
  }
  uint32_t code_bits(uint32_t bits, uint32_t count) {
    cost_ += uint64_t{1024} * count;
    return bits;
  }

  // In 1/1024 bit.
  uint64_t cost() const { return cost_; }
  size_t bytes() const { return static_cast<size_t>((cost_ + 8191) / 8192); }

 private:
  uint64_t cost_ = 0;
};

}  // namespace mallorn::pack
