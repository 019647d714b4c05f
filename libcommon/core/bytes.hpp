// Views of memory, unaligned little/big-endian loads and stores, checked arithmetic.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace mallorn {

using ByteView = std::span<const uint8_t>;
using ByteSpan = std::span<uint8_t>;

// One move where the host has this byte order: of two bytes, compilers do not find it.
constexpr bool is_one_move() {
  return std::endian::native == std::endian::little && !std::is_constant_evaluated();
}

// Loads sizeof(T) bytes at `from`, any alignment, least significant byte first.
template <typename T>
constexpr T load_le(const uint8_t* from) {
  T value = 0;
  if (is_one_move()) {
    std::memcpy(&value, from, sizeof(T));
    return value;
  }
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(from[i]) << (8 * i)));
  }
  return value;
}

// Loads sizeof(T) bytes at `from`, any alignment, most significant byte first.
template <typename T>
constexpr T load_be(const uint8_t* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((sizeof(T) > 1 ? static_cast<T>(value << 8) : T{0}) | from[i]);
  }
  return value;
}

// Stores the bytes of `value` at `to`, least significant byte first.
template <typename T>
constexpr void store_le(uint8_t* to, T value) {
  if (is_one_move()) {
    std::memcpy(to, &value, sizeof(T));
    return;
  }
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

// *sum = a + b; false, and *sum untouched, if that does not fit in 64 bits.
[[nodiscard]] constexpr bool checked_add(uint64_t a, uint64_t b, uint64_t* sum) {
  if (b > UINT64_MAX - a) return false;
  *sum = a + b;
  return true;
}

// *product = a * b; false, and *product untouched, if that does not fit in 64 bits.
[[nodiscard]] constexpr bool checked_mul(uint64_t a, uint64_t b, uint64_t* product) {
  uint64_t value = 0;
  if (__builtin_mul_overflow(a, b, &value)) return false;
  *product = value;
  return true;
}

// True if [offset, offset + length) lies inside [0, limit); never wraps.
[[nodiscard]] constexpr bool range_fits(uint64_t offset, uint64_t length, uint64_t limit) {
  return offset <= limit && length <= limit - offset;
}

}  // namespace mallorn
