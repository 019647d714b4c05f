// SSE 4.2 has CRC-32C as an instruction; chosen once, at the first call.
#include <nmmintrin.h>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn {
namespace {

__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(uint32_t crc, ByteView bytes) {
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  uint64_t state = ~crc;
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word = 0;
    memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  uint32_t tail = static_cast<uint32_t>(state);
  for (; left > 0; ++at, --left) tail = _mm_crc32_u8(tail, *at);
  return ~tail;
}

}  // namespace

uint32_t fast_crc32c(uint32_t crc, ByteView bytes) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  return has_instruction ? crc32c_sse42(crc, bytes) : crc32c(crc, bytes);
}

}  // namespace mallorn
