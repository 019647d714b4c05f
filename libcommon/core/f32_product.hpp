// The product of two binary32 numbers, as integers: what a machine with floats gives, on
// any machine (docs/format/structure.md, "Derived").
#pragma once

#include <bit>
#include <cstdint>

namespace mallorn {

// Bit patterns in and out. Rounds to nearest, ties to even; subnormals are kept, what is
// too large becomes infinite. 0 if a factor is infinite or not a number: it predicts
// nothing.
constexpr uint32_t f32_product(uint32_t a, uint32_t b) {
  constexpr uint32_t kInfinite = 0x7F800000;
  constexpr uint32_t kHiddenBit = 1u << 23;
  const uint32_t exponent_a = a >> 23 & 0xFF;
  const uint32_t exponent_b = b >> 23 & 0xFF;
  if (exponent_a == 0xFF || exponent_b == 0xFF) return 0;
  // Each is significand * 2^(max(exponent, 1) - 150).
  const uint64_t significand_a = (a & (kHiddenBit - 1)) | (exponent_a > 0 ? kHiddenBit : 0);
  const uint64_t significand_b = (b & (kHiddenBit - 1)) | (exponent_b > 0 ? kHiddenBit : 0);
  const uint64_t product = significand_a * significand_b;
  const uint32_t sign = (a ^ b) & 0x80000000u;
  if (product == 0) return sign;

  int32_t drop = static_cast<int32_t>(std::bit_width(product)) - 24;
  int32_t exponent = static_cast<int32_t>((exponent_a > 0 ? exponent_a : 1) +
                                          (exponent_b > 0 ? exponent_b : 1)) -
                     150 + drop;
  if (exponent > 254) return sign | kInfinite;
  if (exponent < 1) {  // subnormal: fewer bits stay
    drop += 1 - exponent;
    exponent = 1;
  }
  if (drop > 48) return sign;  // less than half of the smallest
  uint64_t kept = drop > 0 ? product >> drop : product << -drop;
  if (drop > 0) {
    const uint64_t rest = product - (kept << drop);
    const uint64_t half = uint64_t{1} << (drop - 1);
    if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
  }
  // The hidden bit counts into the exponent, and so does a carry, up to infinity.
  return sign | ((static_cast<uint32_t>(exponent - 1) << 23) + static_cast<uint32_t>(kept));
}

}  // namespace mallorn
