// What the features of a patch of profile lite say of devices that write the result over
// the base, block by block (docs/format/lite.md, section 4).
#pragma once

#include <cstdint>

namespace mallorn {

// Devices that all have two slots may say so when they compile this, and save code: they
// need not hold a patch to what it promises to others. Those with one need states; and no
// patch may turn out to have floats when it is gone half way.
#if defined(MALLORN_TWO_SLOTS) || defined(MALLORN_NO_STATES) || defined(MALLORN_NO_FLOATS)
constexpr bool kHasOneSlot = false;
#else
constexpr bool kHasOneSlot = true;
#endif

constexpr uint32_t kFeatureInPlace = 1u << 10;
// The binary logarithm of the blocks' length: five bits. 0 without kFeatureInPlace.
constexpr uint32_t kInPlaceShift = 11;
constexpr uint32_t kLeastInPlaceLog2 = 6;
constexpr uint32_t kMostInPlaceLog2 = 29;
// The lag, in blocks: seven bits.
constexpr uint32_t kInPlaceLagShift = 24;
constexpr uint32_t kMostInPlaceLag = 127;
constexpr uint32_t kInPlaceLagBytesLog2 = 30;  // a lag is shorter
constexpr uint32_t kInPlaceBits =
    kFeatureInPlace | 31u << kInPlaceShift | kMostInPlaceLag << kInPlaceLagShift;

constexpr uint32_t in_place_features(uint32_t log2, uint32_t lag = 0) {
  return kFeatureInPlace | log2 << kInPlaceShift | lag << kInPlaceLagShift;
}
constexpr uint32_t in_place_log2(uint32_t features) {
  return features >> kInPlaceShift & 31;
}
constexpr uint32_t in_place_lag(uint32_t features) {
  return features >> kInPlaceLagShift & kMostInPlaceLag;
}

}  // namespace mallorn
