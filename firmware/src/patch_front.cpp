#include "firmware/src/patch_front.hpp"

#include "firmware/include/mallorn.h"
#include "firmware/src/crc32c.hpp"
#include "libcommon/core/in_place_format.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint32_t kMagic = 0x504C4D8D;
constexpr uint8_t kVersion = 0;
constexpr uint8_t kProfileLite = 1;
constexpr uint32_t kSoundCrc = 0x48674BC7;  // of bytes with their own behind them
constexpr uint32_t kKnownFeatures = 1u << 9 | kInPlaceBits;  // the body of profile lite

bool is_in_place_sound(uint32_t features) {
  if (!kHasOneSlot) return true;
  if ((features & kFeatureInPlace) == 0) return (features & kInPlaceBits) == 0;
  const uint32_t log2 = in_place_log2(features);
  return log2 >= kLeastInPlaceLog2 && log2 <= kMostInPlaceLog2 &&
         in_place_lag(features) >> (kInPlaceLagBytesLog2 - log2) == 0;
}

}  // namespace

int fault_of_begin(PatchFront front) {
  if (load_word(front.bytes) != kMagic) return MALLORN_E_MAGIC;
  if (front.bytes[4] != kVersion) return MALLORN_E_VERSION;
  const bool is_length =
      front.length() >= kHeaderFixedBytes && front.length() <= kHeaderMaxBytes;
  return is_length ? MALLORN_DONE : MALLORN_E_HEADER;
}

int fault_of(PatchFront front) {
  const uint8_t* const bytes = front.bytes;
  if (crc32c(0, bytes, front.length()) != kSoundCrc ||
      front.length() != kHeaderFixedBytes + front.model_id_length() ||
      front.signature_count() > kMaxSignatures) {
    return MALLORN_E_HEADER;
  }
  if (bytes[5] != kProfileLite) return MALLORN_E_PROFILE;
  const uint32_t features = front.features();
  if ((features & ~kKnownFeatures) != 0 || bytes[60] != 1) return MALLORN_E_FEATURE;
  if (!is_in_place_sound(features)) return MALLORN_E_HEADER;
  // The high halves of lengths of 64 bits.
  if ((load_word(bytes + 24) | load_halves(bytes + 66) | load_halves(bytes + 106)) != 0) {
    return MALLORN_E_SIZE;
  }
  return front.body_bytes() != 0 ? MALLORN_DONE : MALLORN_E_HEADER;
}

}  // namespace mallorn::firmware
