// Numbers as the format has them: little-endian, at any address.
#pragma once

#include <stdint.h>
#include <string.h>

namespace mallorn::firmware {

inline uint32_t load_u32(const uint8_t* from) {
  return static_cast<uint32_t>(from[0]) | static_cast<uint32_t>(from[1]) << 8 |
         static_cast<uint32_t>(from[2]) << 16 | static_cast<uint32_t>(from[3]) << 24;
}

// Where it is aligned.
inline uint32_t load_word(const void* from) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  uint32_t word;
  __builtin_memcpy(&word, __builtin_assume_aligned(from, sizeof word), sizeof word);
  return word;
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
