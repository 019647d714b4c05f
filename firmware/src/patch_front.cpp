#include "firmware/src/patch_front.hpp"

#include "firmware/include/mallorn.h"
#include "firmware/src/crc32c.hpp"
#include "libcommon/core/anchor.hpp"
#include "libcommon/core/in_place_format.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint32_t kMagic = 0x504C4D8D;
constexpr uint32_t kFilesOffset = 60;  // the kind of digests, and what is behind it
constexpr uint8_t kVersion = 0;
constexpr uint8_t kProfileLite = 1;
constexpr uint32_t kSoundCrc = 0x48674BC7;  // of bytes with their own behind them
constexpr uint32_t kKnownFeatures = 1u << 9 | kInPlaceBits;  // the body of profile lite

// Of features that are all known.
bool is_in_place_sound(uint32_t features) {
  if (!kHasOneSlot) return true;
  const uint32_t in_place = features >> (kInPlaceShift - 1);
  if (in_place == 0) return true;
  if ((in_place & 1) == 0) return false;
  const uint32_t log2 = in_place_log2(features);
  return log2 >= kLeastInPlaceLog2 && log2 <= kMostInPlaceLog2 &&
         in_place_lag(features) >> (kInPlaceLagBytesLog2 - log2) == 0;
}

}  // namespace

int fault_of(PatchFront front, uint32_t there) {
  const uint8_t* const bytes = front.bytes;
  if (load_word(bytes) != kMagic) return MALLORN_E_MAGIC;
  if (bytes[4] != kVersion) return MALLORN_E_VERSION;
  const uint32_t length = front.length();
  if (length < kHeaderFixedBytes || length > kHeaderMaxBytes ||
      front.signature_count() > kMaxSignatures) {
    return MALLORN_E_HEADER;
  }
  if (there < length) return MALLORN_MORE;
  const uint8_t* const files = anchor(bytes + kFilesOffset);
  if (crc32c(0, bytes, length) != kSoundCrc || length != kHeaderFixedBytes + files[1]) {
    return MALLORN_E_HEADER;
  }
  if (bytes[5] != kProfileLite) return MALLORN_E_PROFILE;
  const uint32_t features = front.features();
  if ((features & ~kKnownFeatures) != 0 || files[0] != 1) return MALLORN_E_FEATURE;
  if (!is_in_place_sound(features)) return MALLORN_E_HEADER;
  // The high halves of lengths of 64 bits.
  if ((load_word(bytes + 24) | load_half(files + 6) | load_half(files + 8) |
       load_half(files + 46) | load_half(files + 48)) != 0) {
    return MALLORN_E_SIZE;
  }
  return front.body_bytes() != 0 ? MALLORN_DONE : MALLORN_E_HEADER;
}

}  // namespace mallorn::firmware
