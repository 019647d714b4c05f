// Arithmetic of binary32 numbers, as integers: what a machine with floats gives, on any
// machine (docs/format/structure.md, "Derived"; docs/format/conversions.md, "Arithmetic").
//
// Bit patterns in and out. Results are rounded to nearest, ties to even; subnormals are
// kept, what is too large becomes infinite. A result is 0 if an operand is infinite or not
// a number, or a divisor is zero: it predicts nothing.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

namespace mallorn {

constexpr uint32_t kF32Sign = 0x80000000;
constexpr uint32_t kF32Infinity = 0x7F800000;
constexpr uint32_t kF32One = 0x3F800000;

constexpr bool f32_is_finite(uint32_t bits) {
  return (bits & kF32Infinity) != kF32Infinity;
}

// The number significand * 2^exponent, of the given sign bit. The significand is below
// 2^63; if its lowest bit stands for all below it, it has more than 25 bits.
constexpr uint32_t f32_rounded(uint32_t sign, uint64_t significand, int32_t exponent) {
  if (significand == 0) return sign;
  int32_t drop = static_cast<int32_t>(std::bit_width(significand)) - 24;
  if (exponent + drop < -149) drop = -149 - exponent;  // subnormal: fewer bits stay
  const int32_t field = exponent + drop + 150;
  if (field > 254) return sign | kF32Infinity;
  if (drop > 63) return sign;  // less than half of the smallest
  uint64_t kept = drop > 0 ? significand >> drop : significand << -drop;
  if (drop > 0) {
    const uint64_t rest = significand - (kept << drop);
    const uint64_t half = uint64_t{1} << (drop - 1);
    if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
  }
  // The hidden bit counts into the exponent, and so does a carry, up to infinity.
  return sign | ((static_cast<uint32_t>(field - 1) << 23) + static_cast<uint32_t>(kept));
}

// A finite number: significand * 2^exponent, the significand below 2^24.
struct F32Parts {
  uint32_t sign;
  uint64_t significand;
  int32_t exponent;
};

constexpr F32Parts f32_parts(uint32_t bits) {
  constexpr uint32_t kHiddenBit = 1u << 23;
  const auto field = static_cast<int32_t>(bits >> 23 & 0xFF);
  return {bits & kF32Sign, (bits & (kHiddenBit - 1)) | (field > 0 ? kHiddenBit : 0),
          (field > 0 ? field : 1) - 150};
}

constexpr uint32_t f32_product(uint32_t a, uint32_t b) {
  if (!f32_is_finite(a) || !f32_is_finite(b)) return 0;
  const F32Parts x = f32_parts(a);
  const F32Parts y = f32_parts(b);
  return f32_rounded(x.sign ^ y.sign, x.significand * y.significand,
                     x.exponent + y.exponent);
}

constexpr uint32_t f32_sum(uint32_t a, uint32_t b) {
  constexpr int32_t kRoom = 36;
  if (!f32_is_finite(a) || !f32_is_finite(b)) return 0;
  F32Parts x = f32_parts(a);
  F32Parts y = f32_parts(b);
  if (x.exponent < y.exponent) std::swap(x, y);
  const int32_t distance = x.exponent - y.exponent;
  const int32_t shift = distance < kRoom ? distance : kRoom;
  uint64_t lesser = y.significand;
  if (distance > kRoom) {  // too far below to matter, but for how halves are rounded
    lesser = lesser == 0 ? 0 : 1;
  }
  const auto signed_part = [](uint32_t sign, uint64_t size) {
    return sign != 0 ? -static_cast<int64_t>(size) : static_cast<int64_t>(size);
  };
  const int64_t sum =
      signed_part(x.sign, x.significand << shift) + signed_part(y.sign, lesser);
  if (sum == 0) return a & b & kF32Sign;
  return f32_rounded(sum < 0 ? kF32Sign : 0, static_cast<uint64_t>(sum < 0 ? -sum : sum),
                     x.exponent - shift);
}

constexpr uint32_t f32_difference(uint32_t a, uint32_t b) {
  return f32_sum(a, b ^ kF32Sign);
}

constexpr uint32_t f32_quotient(uint32_t a, uint32_t b) {
  if (!f32_is_finite(a) || !f32_is_finite(b)) return 0;
  const F32Parts x = f32_parts(a);
  const F32Parts y = f32_parts(b);
  if (y.significand == 0) return 0;
  if (x.significand == 0) return x.sign ^ y.sign;
  const int32_t shift = std::countl_zero(x.significand) - 1;
  const uint64_t dividend = x.significand << shift;
  const uint64_t quotient = dividend / y.significand;
  const bool is_exact = quotient * y.significand == dividend;
  return f32_rounded(x.sign ^ y.sign, quotient | (is_exact ? 0u : 1u),
                     x.exponent - shift - y.exponent);
}

}  // namespace mallorn
