// Integer logistic functions for mixing predictions (docs/format/structure.md, "Logistic").
// A probability is 16 bits, of 65536; its stretch is ln(p / (1 - p)) in steps of 1/256,
// clamped to +-2047. Both directions are tables of integers: no decoder ever computes with
// floats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mallorn {

constexpr int kMaxStretch = 2047;

namespace logistic {

// 65536 / (1 + e^-x) for x = -8, -7.5 … 8, rounded: the definition of squash(); printed in
// the spec.
constexpr std::array<int32_t, 33> kKnots = {
    22,    36,    60,    98,    162,   267,   439,   720,   1179,  1921,  3108,
    4971,  7812,  11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565,
    62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514};

}  // namespace logistic

// The probability whose stretch is `x`; x is clamped. Between knots: straight lines.
constexpr int32_t squash(int32_t x) {
  if (x > kMaxStretch) x = kMaxStretch;
  if (x < -kMaxStretch) x = -kMaxStretch;
  const uint32_t shifted = static_cast<uint32_t>(x + 2048);
  const uint32_t knot = shifted >> 7;
  const int32_t part = static_cast<int32_t>(shifted & 127u);
  return (logistic::kKnots[knot] * (128 - part) + logistic::kKnots[knot + 1] * part + 64) >>
         7;
}

namespace logistic {

// For each 12-bit probability the least stretch whose squash reaches it.
constexpr std::array<int16_t, 4096> make_stretch() {
  std::array<int16_t, 4096> table{};
  int32_t x = -kMaxStretch;
  for (int32_t p = 0; p < 4096; ++p) {
    while (x < kMaxStretch && squash(x) < p * 16 + 8) ++x;
    table[static_cast<size_t>(p)] = static_cast<int16_t>(x);
  }
  return table;
}

inline constexpr std::array<int16_t, 4096> kStretch = make_stretch();

}  // namespace logistic

// The stretch of a 16-bit probability.
constexpr int32_t stretch(uint32_t p16) { return logistic::kStretch[p16 >> 4]; }

}  // namespace mallorn
