// SymbolModel: how likely each of sixteen symbols is, by how often they came
// (docs/format/values.md, "Symbols"). It learns in batches: between them it only counts, so
// that a symbol takes few instructions.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace mallorn {

class SymbolModel {
 public:
  static constexpr uint32_t kSymbols = 16;
  static constexpr uint32_t kTotalBits = 15;
  static constexpr uint32_t kTotal = 1u << kTotalBits;

  // Where each symbol begins, as a part of kTotal, which is the last one.
  using Bounds = std::array<uint16_t, kSymbols + 1>;

  // The symbol to which a number below kTotal belongs.
  [[gnu::always_inline]] static uint32_t find(const Bounds& bounds, int16_t number) {
#if defined(__SSE2__) && defined(__GNUC__)
    using Lanes = short __attribute__((vector_size(16)));
    Lanes low;
    Lanes high;
    std::memcpy(&low, bounds.data() + 1, sizeof low);
    std::memcpy(&high, bounds.data() + 9, sizeof high);
    const Lanes all = {number, number, number, number, number, number, number, number};
    const auto above = __builtin_ia32_packsswb128(low > all, high > all);
    const auto bits = static_cast<uint32_t>(__builtin_ia32_pmovmskb128(above));
    return static_cast<uint32_t>(std::countr_zero(bits | 1u << (kSymbols - 1)));
#else
    uint32_t symbol = 0;
    for (uint32_t i = 1; i < kSymbols; ++i) {
      symbol += static_cast<int16_t>(bounds[i]) <= number ? 1u : 0u;
    }
    return symbol;
#endif
  }

  // Codes a symbol, by code_symbol() of a coder. `foresees_first` is a hint for decoders:
  // that it will nearly always be the first one.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code(Coder& coder, uint32_t symbol, bool foresees_first) {
    symbol = coder.code_symbol(bounds_, symbol, foresees_first);
    seen_[symbol] = static_cast<uint16_t>(seen_[symbol] + kOne);
    if (--left_ == 0) [[unlikely]]
      learn();
    return symbol;
  }

 private:
  static constexpr uint16_t kOne = 16;          // what a symbol that came counts
  static constexpr uint32_t kMostSeen = 60000;  // then all of them count half
  static constexpr uint32_t kMostBatch = 64;

  static constexpr Bounds even_bounds() {
    Bounds bounds{};
    for (uint32_t i = 0; i <= kSymbols; ++i) {
      bounds[i] = static_cast<uint16_t>(i * (kTotal / kSymbols));
    }
    return bounds;
  }
  static constexpr std::array<uint16_t, kSymbols> even_counts() {
    std::array<uint16_t, kSymbols> counts{};
    for (uint16_t& count : counts) count = 2;
    return counts;
  }

  // Every symbol keeps a place; what rounding leaves over falls to the first one.
  [[gnu::noinline]] void learn() {
    uint32_t total = 0;
    for (const uint16_t seen : seen_) total += seen;
    const uint32_t share = ((kTotal - kSymbols) << 16) / total;
    uint32_t begin = kTotal;
    for (uint32_t i = kSymbols; --i > 0;) {
      begin -= 1 + (seen_[i] * share >> 16);
      bounds_[i] = static_cast<uint16_t>(begin);
    }
    if (total > kMostSeen) {
      for (uint16_t& seen : seen_) seen = static_cast<uint16_t>((seen + 1) >> 1);
    }
    const uint32_t batch = 1 + total / (8 * kOne);
    left_ = static_cast<uint16_t>(batch < kMostBatch ? batch : kMostBatch);
  }

  Bounds bounds_ = even_bounds();
  uint16_t left_ = 1;  // symbols until it learns
  std::array<uint16_t, kSymbols> seen_ = even_counts();
};

}  // namespace mallorn
