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

// Whether a length of 64 bits has only 32.
bool is_small(const uint8_t* field) { return load_u32(field + 4) == 0; }

}  // namespace

int PatchFront::begin_fault() const {
  if (load_u32(bytes) != kMagic) return MALLORN_E_MAGIC;
  if (bytes[4] != kVersion) return MALLORN_E_VERSION;
  const bool is_length = length() >= kHeaderFixedBytes && length() <= kHeaderMaxBytes;
  return is_length ? MALLORN_DONE : MALLORN_E_HEADER;
}

int PatchFront::fault() const {
  const uint32_t covered = length() - 4;
  if (load_u32(bytes + covered) != crc32c(0, bytes, covered) ||
      length() != kHeaderFixedBytes + model_id_length() ||
      signature_count() > kMaxSignatures) {
    return MALLORN_E_HEADER;
  }
  if (bytes[5] != kProfileLite) return MALLORN_E_PROFILE;
  if ((load_u32(bytes + 8) & ~kKnownFeatures) != 0 || bytes[60] != 1) {
    return MALLORN_E_FEATURE;
  }
  const bool has_blocks = (bytes[9] & 4) != 0;
  if (has_blocks ? in_place_log2() < 6 || in_place_log2() > 29 : in_place_log2() != 0) {
    return MALLORN_E_HEADER;
  }
  if (!is_small(bytes + 20) || !is_small(bytes + 62) || !is_small(bytes + 102)) {
    return MALLORN_E_SIZE;
  }
  return body_bytes() != 0 ? MALLORN_DONE : MALLORN_E_HEADER;
}

}  // namespace mallorn::firmware
