// Numbers as the format has them: little-endian, at any address.
#pragma once

#include <stdint.h>
#include <string.h>

namespace mallorn::firmware {

// Where it is aligned.
inline uint32_t load_word(const void* from) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  uint32_t word;
  __builtin_memcpy(&word, __builtin_assume_aligned(from, sizeof word), sizeof word);
  return word;
}

inline uint32_t load_half(const void* from) {
  uint16_t half;
  __builtin_memcpy(&half, __builtin_assume_aligned(from, sizeof half), sizeof half);
  return half;
}

// Where its halves are aligned.
inline uint32_t load_halves(const void* from) {
  uint16_t halves[2];
  __builtin_memcpy(halves, __builtin_assume_aligned(from, sizeof halves[0]), sizeof halves);
  return halves[0] | uint32_t{halves[1]} << 16;
}

inline void store_u32(uint8_t* to, uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

inline bool is_same(const uint8_t* a, const uint8_t* b, uint32_t length) {
  return memcmp(a, b, length) == 0;
}

inline void copy_bytes(uint8_t* to, const uint8_t* from, uint32_t length) {
  memmove(to, from, length);
}

}  // namespace mallorn::firmware
