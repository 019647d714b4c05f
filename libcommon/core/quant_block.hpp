// QuantBlock: a block of quantized GGUF weights taken apart into numbers
// (docs/format/blocks.md, "Blocks").
//
// A block holds 32 or 256 codes in groups. The weight of a code q in a group is
// step * q + start, with a step and a start for each group: a scale of the block, in half
// precision, times a small integer of the group (if the type has those).
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/dtype.hpp"

namespace mallorn {

constexpr uint32_t kMaxBlockCodes = 256;
constexpr uint32_t kMaxBlockGroups = 16;

// The least and the greatest value of a kind of number.
struct Bounds {
  int32_t low;
  int32_t high;
};

enum class Start : uint8_t {
  none,   // every group starts at zero
  added,  // one start for the block, in half precision
  taken,  // a minimum of the block times an integer of the group, to be subtracted
};

struct QuantGrid {
  uint16_t groups;
  uint16_t group_codes;
  Bounds codes;         // signed, where types store them with an offset
  Bounds group_scales;  // 0, 0: groups have none
  Start start;
};

struct QuantBlock {
  uint16_t scale = 0;    // bits of a half-precision float
  uint16_t minimum = 0;  // the same; 0 without a start
  std::array<int16_t, kMaxBlockGroups> group_scale{};
  std::array<int16_t, kMaxBlockGroups> group_minimum{};
  std::array<int16_t, kMaxBlockCodes> code{};
};

// The grid of `dtype`; null for all but q4_0 to q5_1, q8_0, and q2_k to q6_k.
const QuantGrid* quant_grid(Dtype dtype);

// `dtype` has a grid; `bytes` has the length of its block. All bits of a block end up in
// one number, so that writing is the exact inverse of reading.
void read_quant_block(Dtype dtype, const uint8_t* bytes, QuantBlock* block);

// Numbers must be within the bounds of the grid.
void write_quant_block(Dtype dtype, const QuantBlock& block, uint8_t* bytes);

// The number that half-precision bits stand for, in units of 2^-24: less than 2^41 of
// either sign. Infinities and NaN are taken for what their bits would mean.
constexpr int64_t half_units(uint16_t half) {
  const uint32_t exponent = half >> 10 & 31u;
  const int64_t fraction = half & 1023;
  const int64_t size = exponent == 0 ? fraction : (1024 + fraction) << (exponent - 1);
  return (half & 0x8000) != 0 ? -size : size;
}

// What the codes of a group stand for, in units of 2^-24; both at most 2^48 of either sign.
struct QuantLine {
  int64_t step;
  int64_t start;
};
QuantLine quant_line(const QuantGrid& grid, const QuantBlock& block, uint32_t group);

// a / b in units of 1 / 4096, towards zero, at most 2^24 of either sign; 0 if b is 0. |a|
// is below 2^51.
constexpr int64_t ratio_4096(int64_t a, int64_t b) {
  constexpr int64_t kMost = 1 << 24;
  if (b == 0) return 0;
  const int64_t quotient = a * 4096 / b;
  return quotient < -kMost ? -kMost : quotient > kMost ? kMost : quotient;
}

// Where a number of the base is expected in the result: number * factor + shift, in units
// of 1 / 4096.
struct QuantMap {
  int64_t factor;
  int64_t shift;

  constexpr int64_t predict(int16_t number) const { return number * factor + shift; }
};

// What makes codes of shifts: a shift s * 2^exponent, in units of 2^-24, moves a code by
// s * code_reach(exponent, step) / 2^32, in units of 1 / 4096. `exponent` is from
// -kMaxShiftExponent to kMaxShiftExponent; the reach at most 2^31 of either sign.
constexpr int32_t kMaxShiftExponent = 16;
constexpr int64_t code_reach(int32_t exponent, int64_t step) {
  constexpr int64_t kMost = int64_t{1} << 31;
  if (step == 0) return 0;
  const int64_t reach = (int64_t{1} << (44 + exponent)) / step;
  return reach < -kMost ? -kMost : reach > kMost ? kMost : reach;
}

// Numbers stay as they are.
inline constexpr QuantMap kSameNumbers = {4096, 0};

// Integers of groups keep what they stand for, under another scale (or minimum).
constexpr QuantMap map_groups(uint16_t from, uint16_t to) {
  return {ratio_4096(half_units(from), half_units(to)), 0};
}

// Codes keep their weights.
constexpr QuantMap map_codes(const QuantLine& from, const QuantLine& to) {
  return {ratio_4096(from.step, to.step), ratio_4096(from.start - to.start, to.step)};
}

}  // namespace mallorn
