// Floats of 32 bits that have come from, or are to become, such of fewer bits
// (docs/format/grid.md, "Short floats"). Tools keep f16 and bf16 weights in f32 tensors, or
// round f32 to a shorter mantissa: what the lowest bits are is known then.
#pragma once

#include <cstdint>

#include "libcommon/core/float_cast.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

// Which short floats: those of f16, or those that keep so many bits of the mantissa.
constexpr uint32_t kShortF16 = 0;
constexpr uint32_t kLeastShort = 3;
constexpr uint32_t kMostShort = 22;

struct ShortFloats {
  uint32_t mantissa_bits = kShortF16;
  Rounding rounding = Rounding::nearest;  // of the base

  bool operator==(const ShortFloats&) const = default;
};

// As what they are coded. False if there are none of so many bits. What is neither f16 nor
// bf16 lies in 32 bits, like a float with a long exponent, and has no gains.
constexpr bool short_type(const ShortFloats& floats, ValueType* type) {
  const uint32_t bits = floats.mantissa_bits;
  if (bits == kShortF16) return value_type(Dtype::f16, type);
  if (bits == kBf16.mantissa_bits) return value_type(Dtype::bf16, type);
  *type = {ValueKind::floating, 4, false, {32, bits}, 0};
  return bits >= kLeastShort && bits <= kMostShort;
}

// The short float next to one of 32 bits: to zero, or of two as near the even one.
constexpr uint32_t shortened(const ShortFloats& floats, uint32_t bits) {
  const uint32_t kept = floats.mantissa_bits;
  if (kept == kShortF16)
    return static_cast<uint32_t>(narrowed<kF32, kF16>(bits, floats.rounding));
  const uint32_t drop = kF32.mantissa_bits - kept;
  uint32_t magnitude = bits & 0x7FFFFFFF;
  if (floats.rounding == Rounding::nearest && magnitude < kF32.infinity())
    magnitude += (1u << (drop - 1)) - 1 + (magnitude >> drop & 1);
  const uint32_t sign = bits & 0x80000000;
  return (sign >> (kept == kBf16.mantissa_bits ? 16 : 0)) | magnitude >> drop;
}

// The float of 32 bits that a short one is.
constexpr uint32_t lengthened(const ShortFloats& floats, uint32_t bits) {
  const uint32_t kept = floats.mantissa_bits;
  if (kept == kShortF16) return static_cast<uint32_t>(widened<kF16, kF32>(bits));
  if (kept == kBf16.mantissa_bits) return bits << 16;
  const uint32_t drop = kF32.mantissa_bits - kept;
  return (bits & 0x80000000) | (bits << drop & 0x7FFFFFFF);
}

}  // namespace mallorn
