#include "firmware/src/patch_front.hpp"

#include "firmware/include/mallorn.h"
#include "firmware/src/crc32c.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint32_t kMagic = 0x504C4D8D;
constexpr uint8_t kVersion = 0;
constexpr uint8_t kProfileLite = 1;
constexpr uint32_t kMaxSignatures = 4;
// The body is that of profile lite; it may be applied in place, for blocks of such a
// length.
constexpr uint32_t kKnownFeatures = 1u << 9 | 1u << 10 | 31u << 11;

}  // namespace

int fault_of_begin(PatchFront front) {
  if (load_u32(front.bytes) != kMagic) return MALLORN_E_MAGIC;
  if (front.bytes[4] != kVersion) return MALLORN_E_VERSION;
  const bool is_length =
      front.length() >= kHeaderFixedBytes && front.length() <= kHeaderMaxBytes;
  return is_length ? MALLORN_DONE : MALLORN_E_HEADER;
}

int fault_of(PatchFront front) {
  const uint8_t* const bytes = front.bytes;
  const uint32_t covered = front.length() - 4;
  if (load_u32(bytes + covered) != crc32c(0, bytes, covered) ||
      front.length() != kHeaderFixedBytes + front.model_id_length() ||
      front.signature_count() > kMaxSignatures) {
    return MALLORN_E_HEADER;
  }
  if (bytes[5] != kProfileLite) return MALLORN_E_PROFILE;
  if ((load_u32(bytes + 8) & ~kKnownFeatures) != 0 || bytes[60] != 1) {
    return MALLORN_E_FEATURE;
  }
  const bool has_blocks = (bytes[9] & 4) != 0;
  const uint32_t log2 = front.in_place_log2();
  if (has_blocks ? log2 < 6 || log2 > 29 : log2 != 0) return MALLORN_E_HEADER;
  // The high halves of lengths of 64 bits.
  if ((load_u32(bytes + 24) | load_u32(bytes + 66) | load_u32(bytes + 106)) != 0) {
    return MALLORN_E_SIZE;
  }
  return front.body_bytes() != 0 ? MALLORN_DONE : MALLORN_E_HEADER;
}

}  // namespace mallorn::firmware
