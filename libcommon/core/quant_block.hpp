// QuantBlock: a block of quantized GGUF weights taken apart into numbers
// (docs/format/blocks.md, "Blocks").
//
// A block holds 32 or 256 codes in groups. The weight of a code q in a group is
// step * q + start, with a step and a start for each group: a scale of the block, in half
// precision or a power of two, times a small integer of the group (if the type has those).
// Some types have a table of values in place of q.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn {

constexpr uint32_t kMaxBlockCodes = 256;
constexpr uint32_t kMaxBlockGroups = 16;
constexpr uint32_t kMaxGroupCodes = 32;

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

// What the scale of a block is.
enum class Scale : uint8_t {
  half,   // bits of a half-precision float
  power,  // the exponent of a power of two, one byte (E8M0)
};

// The values of 16 codes that are not evenly spaced. Such codes are numbered in the order
// of their values, so that numbers near each other stand for weights near each other.
class CodeTable {
 public:
  // `values` by the bits of a code, all different, of any unit, below 2^8 of either sign.
  explicit constexpr CodeTable(const std::array<int16_t, 16>& values) {
    for (uint8_t bits = 0; bits < 16; ++bits) {
      uint8_t number = 0;
      for (const int16_t other : values) {
        if (other < values[bits]) ++number;
      }
      numbers_[bits] = number;
      bits_[number] = bits;
      values_[number] = values[bits];
    }
    for (size_t i = 1; i < 16; ++i) {
      middles_[i] = static_cast<int16_t>(values_[i - 1] + values_[i]);
    }
    middles_[0] = static_cast<int16_t>(4 * values_[0] - middles_[1]);
    middles_[16] = static_cast<int16_t>(4 * values_[15] - middles_[15]);
  }

  constexpr uint8_t number(uint8_t bits) const { return numbers_[bits]; }
  constexpr uint8_t bits(int16_t number) const { return bits_[number & 15]; }
  constexpr int64_t value(int16_t number) const { return values_[number & 15]; }

  // Where `value` lies among the numbers, both in units of 1 / 4096. All that is nearest to
  // the value of one number lies within half a unit of it, evenly spread. Looking for it
  // begins at `near`.
  int64_t place(int64_t value, int16_t near) const;

 private:
  std::array<uint8_t, 16> numbers_{};
  std::array<uint8_t, 16> bits_{};
  std::array<int16_t, 16> values_{};
  // Twice the middle between number i and the one below; as far out at the ends.
  std::array<int16_t, 17> middles_{};
};

struct QuantGrid {
  uint16_t groups;
  uint16_t group_codes;
  Bounds codes;         // signed, where types store them with an offset
  Bounds group_scales;  // 0, 0: groups have none
  Start start;
  Scale scale = Scale::half;
  const CodeTable* table = nullptr;  // null: codes are values

  // The codes that are predicted. Those of q8_0 are as many to either side of zero: it has
  // the lowest one, but hardly anyone writes it.
  constexpr Bounds code_steps() const {
    return codes.low == -128 ? Bounds{-127, codes.high} : codes;
  }
};

struct QuantBlock {
  uint16_t scale = 0;    // see Scale
  uint16_t minimum = 0;  // bits of a half-precision float; 0 without a start
  std::array<int16_t, kMaxBlockGroups> group_scale{};
  std::array<int16_t, kMaxBlockGroups> group_minimum{};
  std::array<int16_t, kMaxBlockCodes> code{};
};

// The grid of `dtype`; null for all but q4_0 to q5_1, q8_0, q2_k to q6_k, iq4_nl, iq4_xs
// and mxfp4.
const QuantGrid* quant_grid(Dtype dtype);

// `dtype` has a grid; `bytes` has the length of its block. All bits of a block end up in
// one number, so that writing is the exact inverse of reading.
void read_quant_block(Dtype dtype, const uint8_t* bytes, QuantBlock* block);

// Numbers must be within the bounds of the grid.
void write_quant_block(Dtype dtype, const QuantBlock& block, uint8_t* bytes);

// Where blocks of one dtype keep their numbers, for those who read many: scales apart from
// codes. Each reading and writing is of a whole block.
class QuantPlaces {
 public:
  // `dtype` has a grid.
  explicit QuantPlaces(Dtype dtype);

  const QuantGrid& grid() const { return *grid_; }
  uint32_t scale_offset() const { return scale_; }
  uint32_t minimum_offset() const { return minimum_; }  // not to be used without a start

  // All numbers of a block.
  void read(const uint8_t* bytes, QuantBlock* block) const {
    read_scales(bytes, block);
    read_codes(bytes, block->code.data());
  }
  void write(const QuantBlock& block, uint8_t* bytes) const {
    write_scales(block, bytes);
    write_codes(block.code.data(), bytes);
  }

  // Scale, minimum, and the integers of the groups.
  void read_scales(const uint8_t* bytes, QuantBlock* block) const;
  void write_scales(const QuantBlock& block, uint8_t* bytes) const;
  // The integers of the groups alone: scales, then minima where groups have those. The grid
  // has group scales.
  void write_groups(const int16_t* numbers, uint8_t* bytes) const;

  // The codes alone, as many as the grid has.
  void read_codes(const uint8_t* bytes, int16_t* codes) const;
  void write_codes(const int16_t* codes, uint8_t* bytes) const;

 private:
  const QuantGrid* grid_;
  uint16_t scale_ = 0;
  uint16_t minimum_ = 0;
  Field group_field_{};
  CodeField groups_{};  // unless `group_field_` is of lane `scales`
  CodeField codes_{};
};

// The number that half-precision bits stand for, in units of 2^-24: less than 2^41 of
// either sign. Infinities and NaN are taken for what their bits would mean.
constexpr int64_t half_units(uint16_t half) {
  const uint32_t exponent = half >> 10 & 31u;
  const int64_t fraction = half & 1023;
  const int64_t size = exponent == 0 ? fraction : (1024 + fraction) << (exponent - 1);
  return (half & 0x8000) != 0 ? -size : size;
}

// The same of the power of two with the bits of an exponent, as ggml has it: 2^(e - 128).
// What is too small or too large for that is taken for the least or the greatest.
constexpr int64_t power_units(uint16_t exponent) {
  const int shift = exponent - 104;
  return int64_t{1} << (shift < 0 ? 0 : shift > 40 ? 40 : shift);
}

// What the codes of a group stand for, in units of 2^-24; both at most 2^48 of either sign.
struct QuantLine {
  int64_t step;
  int64_t start;
};

// Those of the groups of a block.
class QuantLines {
 public:
  QuantLines(const QuantGrid& grid, const QuantBlock& block)
      : block_(block),
        has_scales_(grid.group_scales.high != 0),
        is_taken_(grid.start == Start::taken),
        scale_(grid.scale == Scale::power ? power_units(block.scale)
                                          : half_units(block.scale)),
        start_(half_units(block.minimum)) {}

  QuantLine operator[](uint32_t group) const {
    return {has_scales_ ? scale_ * block_.group_scale[group] : scale_,
            is_taken_ ? -start_ * block_.group_minimum[group] : start_};
  }

 private:
  const QuantBlock& block_;
  bool has_scales_;
  bool is_taken_;
  int64_t scale_;
  int64_t start_;
};
inline QuantLine quant_line(const QuantGrid& grid, const QuantBlock& block,
                            uint32_t group) {
  return QuantLines(grid, block)[group];
}

// a / b in units of 1 / 4096, towards zero, at most 2^24 of either sign; 0 if b is 0. |a|
// is below 2^51.
constexpr int64_t ratio_4096(int64_t a, int64_t b) {
  constexpr int64_t kMost = 1 << 24;
  if (b == 0) return 0;
  const int64_t quotient = a * 4096 / b;
  return quotient < -kMost ? -kMost : quotient > kMost ? kMost : quotient;
}

// Where a number of the base is expected in the result, in units of 1 / 4096: at
// number * factor + shift, or where a table has its value times factor. What its weight
// was moved by beside, in these units, is added to either.
struct QuantMap {
  int64_t factor;
  int64_t shift;
  const CodeTable* table = nullptr;

  // Whether factor and shift are as small as they nearly always are.
  bool is_small() const {
    constexpr int64_t kMost = 1 << 18;
    return table == nullptr && factor <= kMost && factor >= -kMost && shift <= kMost &&
           shift >= -kMost;
  }

  int64_t predict(int16_t number, int64_t moved = 0) const {
    if (table != nullptr)
      return table->place(table->value(number) * factor + moved, number);
    return number * factor + shift + moved;
  }
};

// What makes moves of shifts: a shift s * 2^exponent, in units of 2^-24, moves a weight by
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
constexpr QuantMap map_codes(const QuantGrid& grid, const QuantLine& from,
                             const QuantLine& to) {
  if (from.step == to.step && from.start == to.start && to.step != 0) {
    return {4096, 0, grid.table};  // without divisions
  }
  return {ratio_4096(from.step, to.step), ratio_4096(from.start - to.start, to.step),
          grid.table};
}

}  // namespace mallorn
