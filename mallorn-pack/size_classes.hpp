// Size classes of many numbers at a time (libcommon/core/token_model.hpp): as
// size_class_of(), with instructions that all processors have for vectors.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "libcommon/core/token_model.hpp"

namespace mallorn::pack {

// A float has the bit length of a number in its exponent, and the bit below the highest on
// top of its mantissa. One bit below those two is cleared: whatever rounding does with the
// others, it leaves them as they are.
inline uint32_t quick_size_class(uint32_t magnitude) {
  const auto number = static_cast<int32_t>(magnitude & ~(magnitude >> 2));
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(number));
  const uint32_t large = (bits >> 22 & 511u) - 2 * 127;
  const uint32_t is_small = 0u - (magnitude < 2 ? 1u : 0u);  // not as a branch
  return (magnitude & is_small) | (large & ~is_small);
}

// `moved` has numbers with sign.
template <typename T>
void find_size_classes(const T* __restrict moved, size_t count,
                       uint8_t* __restrict classes) {
  for (size_t i = 0; i < count; ++i) {
    const auto number = static_cast<int32_t>(static_cast<std::make_signed_t<T>>(moved[i]));
    const auto sign = static_cast<uint32_t>(number >> 31);
    const uint32_t magnitude = (static_cast<uint32_t>(number) ^ sign) - sign;
    classes[i] = static_cast<uint8_t>(quick_size_class(magnitude));
  }
}

// Below this, magnitudes are their own classes, and have no raw bits if a sign is none.
constexpr uint32_t kLeastWithRaw = 4;

// The token of an integer.
constexpr uint32_t integer_symbol(uint32_t size_class, bool is_negative) {
  const uint32_t symbol = 2 * size_class - (is_negative ? 0 : 1);
  return size_class == 0 ? 0 : symbol;
}

}  // namespace mallorn::pack
