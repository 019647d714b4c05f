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

template <typename T>
uint32_t size_of(T number) {
  const auto wide = static_cast<int32_t>(static_cast<std::make_signed_t<T>>(number));
  const auto sign = static_cast<uint32_t>(wide >> 31);
  return (static_cast<uint32_t>(wide) ^ sign) - sign;
}

// Of bytes, the class is how many classes begin at the magnitude or below: vectors hold
// four times as many bytes as floats. Loops in this order have no branches.
constexpr size_t kByteRun = 64;
inline void find_byte_classes(const uint8_t* __restrict moved,
                              uint8_t* __restrict classes) {
  constexpr uint8_t kFirst[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  uint8_t magnitudes[kByteRun];
  uint8_t found[kByteRun];
  for (size_t i = 0; i < kByteRun; ++i) {
    const auto sign = static_cast<uint8_t>(moved[i] >= 128 ? 255 : 0);
    magnitudes[i] = static_cast<uint8_t>((moved[i] ^ sign) - sign);
    found[i] = magnitudes[i] >= 1 ? 1 : 0;
  }
  for (const uint8_t first : kFirst) {
    for (size_t i = 0; i < kByteRun; ++i)
      found[i] = static_cast<uint8_t>(found[i] + (magnitudes[i] >= first ? 1 : 0));
  }
  for (size_t i = 0; i < kByteRun; ++i) classes[i] = found[i];
}

// `moved` has numbers with sign.
template <typename T>
void find_size_classes(const T* __restrict moved, size_t count,
                       uint8_t* __restrict classes) {
  size_t i = 0;
  if constexpr (sizeof(T) == 1) {
    for (; count - i >= kByteRun; i += kByteRun) find_byte_classes(moved + i, classes + i);
  }
  for (; i < count; ++i) {
    classes[i] = static_cast<uint8_t>(quick_size_class(size_of(moved[i])));
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
