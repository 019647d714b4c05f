// Floats of one format in another, as integers (docs/format/conversions.md, "Floats").
#pragma once

#include <bit>
#include <cstdint>

#include "libcommon/core/float_value.hpp"

namespace mallorn {

enum class Rounding : uint8_t {
  nearest,  // ties to even, as IEEE 754 has it
  zero,     // what does not fit is cut off
};

// A float in a format of more bits: the same number. NaN keep their payload.
template <FloatFormat kFrom, FloatFormat kTo>
constexpr uint64_t widened(uint64_t bits) {
  constexpr uint32_t kShift = kTo.mantissa_bits - kFrom.mantissa_bits;
  constexpr uint64_t kBias =
      static_cast<uint64_t>((kTo.infinity() >> kTo.mantissa_bits) / 2 -
                            (kFrom.infinity() >> kFrom.mantissa_bits) / 2)
      << kTo.mantissa_bits;
  constexpr uint64_t kHidden = uint64_t{1} << kFrom.mantissa_bits;
  const uint64_t sign = (bits & kFrom.sign()) != 0 ? kTo.sign() : 0;
  uint64_t magnitude = bits & (kFrom.sign() - 1);
  if (magnitude >= kFrom.infinity()) {
    return sign | kTo.infinity() | (magnitude - kFrom.infinity()) << kShift;
  }
  if (magnitude >= kHidden || kBias == 0) return sign | ((magnitude << kShift) + kBias);
  if (magnitude == 0) return sign;
  // A subnormal becomes normal: its leading one is now hidden.
  const auto up =
      kFrom.mantissa_bits + 1 - static_cast<uint32_t>(std::bit_width(magnitude));
  magnitude <<= up;
  return sign | ((magnitude << kShift) + kBias - (uint64_t{up} << kTo.mantissa_bits));
}

// A float in a format of fewer bits, rounded. NaN become quiet and keep the upper part of
// their payload.
template <FloatFormat kFrom, FloatFormat kTo>
constexpr uint64_t narrowed(uint64_t bits, Rounding rounding) {
  constexpr uint32_t kShift = kFrom.mantissa_bits - kTo.mantissa_bits;
  constexpr uint64_t kFromBias = (kFrom.infinity() >> kFrom.mantissa_bits) / 2;
  constexpr uint64_t kToBias = (kTo.infinity() >> kTo.mantissa_bits) / 2;
  constexpr uint64_t kHidden = uint64_t{1} << kFrom.mantissa_bits;
  constexpr uint64_t kLeastNormal = (kFromBias - kToBias) * kHidden;  // and 1 more
  const uint64_t sign = (bits & kFrom.sign()) != 0 ? kTo.sign() : 0;
  const uint64_t magnitude = bits & (kFrom.sign() - 1);
  if (magnitude > kFrom.infinity()) {
    constexpr uint64_t kQuiet = uint64_t{1} << (kTo.mantissa_bits - 1);
    return sign | kTo.infinity() | kQuiet | (magnitude - kFrom.infinity()) >> kShift;
  }
  if (magnitude == kFrom.infinity()) return sign | kTo.infinity();
  uint64_t kept = magnitude - kLeastNormal;
  uint32_t drop = kShift;
  if (kLeastNormal != 0 && magnitude < kLeastNormal + kHidden) {  // subnormal in kTo
    const uint64_t exponent = magnitude >> kFrom.mantissa_bits;
    const uint64_t below = kFromBias - kToBias + 1 - (exponent > 0 ? exponent : 1);
    if (below > kTo.mantissa_bits + 1) return sign;  // less than half of the smallest
    kept = (magnitude & (kHidden - 1)) | (exponent > 0 ? kHidden : 0);
    drop += static_cast<uint32_t>(below);
  }
  if (rounding == Rounding::nearest) {
    kept += (uint64_t{1} << (drop - 1)) - 1 + (kept >> drop & 1);
  }
  kept >>= drop;
  const uint64_t most = kTo.infinity() - (rounding == Rounding::zero ? 1 : 0);
  return sign | (kept < most ? kept : most);
}

}  // namespace mallorn
