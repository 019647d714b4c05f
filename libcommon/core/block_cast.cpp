#include "libcommon/core/block_cast.hpp"

#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/float_cast.hpp"
#include "libcommon/core/quant_block.hpp"

namespace mallorn {
namespace {

constexpr size_t kCodes = 32;  // of all types that can be quantized
constexpr uint32_t kMagnitude = ~kF32Sign;

// Fractions of codes are in units of 2^-26, towards minus infinity: fine enough to tell
// where binary32 would round to a whole number.
constexpr int kFraction = 26;
constexpr int64_t kHalf = int64_t{1} << (kFraction - 1);

int width_of(int64_t number) {
  return static_cast<int>(std::bit_width(static_cast<uint64_t>(number)));
}

// number * per_scale, the product rounded to binary32. What is too large for a code stays
// so.
int64_t fraction_of(uint32_t number, const F32Parts& per_scale) {
  const F32Parts parts = f32_parts(number);
  auto product = static_cast<int64_t>(parts.significand * per_scale.significand);
  const int drop = width_of(product) - 24;
  if (drop > 0) {
    product += (int64_t{1} << (drop - 1)) - 1 + (product >> drop & 1);
    product = product >> drop << drop;
  }
  if (parts.sign != per_scale.sign) product = -product;
  const int32_t down = -(parts.exponent + per_scale.exponent + kFraction);
  if (down >= 0) return product >> (down < 63 ? down : 63);
  return product * (int64_t{1} << (down > -14 ? -down : 14));
}

// C's roundf(), for numbers that are not negative: halves go up.
int64_t rounded(int64_t number) { return (number + kHalf) >> kFraction; }

// C's (int)number after rounding to binary32, which moves what lies less than half a unit
// of its last place below a whole number; 0 for numbers that are negative.
int64_t truncated(int64_t number) {
  if (number <= 0) return 0;
  const int width = width_of(number);
  return (number + (width < 25 ? 0 : int64_t{1} << (width - 25))) >> kFraction;
}

// An integer that is a power of two, or has an exact binary32 form in any case.
constexpr uint32_t f32_of(int32_t number) {
  return f32_rounded(number < 0 ? kF32Sign : 0,
                     static_cast<uint64_t>(number < 0 ? -number : number), 0);
}

// 1 / scale; 0 where there is none.
F32Parts inverse(uint32_t scale) {
  const uint32_t quotient = f32_quotient(kF32One, scale);
  return f32_parts(f32_is_finite(quotient) ? quotient : 0);
}

uint16_t half_of(uint32_t number) {
  return static_cast<uint16_t>(narrowed<kF32, kF16>(number, Rounding::nearest));
}

// The first of the numbers whose magnitude is the largest.
uint32_t extreme(const uint32_t* numbers) {
  uint32_t most = 0;
  for (size_t i = 0; i < kCodes; ++i) {
    if ((numbers[i] & kMagnitude) > (most & kMagnitude)) most = numbers[i];
  }
  return most;
}

// Compares as floats do: zeros are equal. Infinities and NaN are further out.
int32_t rank_of(uint32_t number) {
  const auto magnitude = static_cast<int32_t>(number & kMagnitude);
  return (number & kF32Sign) != 0 ? -magnitude : magnitude;
}

int16_t within(Bounds bounds, int64_t code) {
  return static_cast<int16_t>(code < bounds.low    ? bounds.low
                              : code > bounds.high ? bounds.high
                                                   : code);
}

// q8_0: the largest magnitude is 127 scales.
void quantize_even(const QuantGrid& grid, const uint32_t* numbers, QuantBlock* block) {
  const uint32_t scale =
      f32_quotient(extreme(numbers) & kMagnitude, f32_of(grid.codes.high));
  const F32Parts per_scale = inverse(scale);
  block->scale = half_of(scale);
  for (size_t i = 0; i < kCodes; ++i) {
    const int64_t code = rounded(fraction_of(numbers[i] & kMagnitude, per_scale));
    block->code[i] = within(grid.codes, (numbers[i] & kF32Sign) != 0 ? -code : code);
  }
}

// q4_0, q5_0: the number of largest magnitude is the least code, whatever its sign.
void quantize_from_extreme(const QuantGrid& grid, const uint32_t* numbers,
                           QuantBlock* block) {
  const uint32_t scale = f32_quotient(extreme(numbers), f32_of(grid.codes.low));
  const F32Parts per_scale = inverse(scale);
  const int64_t offset = (int64_t{-grid.codes.low} << kFraction) + kHalf;
  block->scale = half_of(scale);
  for (size_t i = 0; i < kCodes; ++i) {
    const int64_t code = truncated(fraction_of(numbers[i], per_scale) + offset);
    block->code[i] = within(grid.codes, code + grid.codes.low);
  }
}

// q4_1, q5_1: codes go from the least number to the greatest.
void quantize_from_least(const QuantGrid& grid, const uint32_t* numbers,
                         QuantBlock* block) {
  uint32_t least = numbers[0];
  uint32_t greatest = numbers[0];
  for (size_t i = 1; i < kCodes; ++i) {
    if (rank_of(numbers[i]) < rank_of(least)) least = numbers[i];
    if (rank_of(numbers[i]) > rank_of(greatest)) greatest = numbers[i];
  }
  const uint32_t scale =
      f32_quotient(f32_difference(greatest, least), f32_of(grid.codes.high));
  const F32Parts per_scale = inverse(scale);
  block->scale = half_of(scale);
  block->minimum = half_of(least);
  for (size_t i = 0; i < kCodes; ++i) {
    const uint32_t above = f32_difference(numbers[i], least);
    block->code[i] = within(grid.codes, truncated(fraction_of(above, per_scale) + kHalf));
  }
}

// step * code + start, rounded once. Zeros have the sign of their product, if they are one.
uint32_t number_of(const QuantGrid& grid, const QuantLine& line, bool is_step_negative,
                   int64_t code) {
  const int64_t units = line.step * code + line.start;
  if (units == 0) {
    const bool is_negative = grid.start == Start::none && is_step_negative != (code < 0);
    return is_negative ? kF32Sign : 0;
  }
  return f32_rounded(units < 0 ? kF32Sign : 0,
                     static_cast<uint64_t>(units < 0 ? -units : units), -24);
}

}  // namespace

bool can_quantize(Dtype dtype) {
  const QuantGrid* grid = quant_grid(dtype);
  return grid != nullptr && grid->table == nullptr && grid->group_scales.high == 0;
}

bool can_dequantize(Dtype dtype) {
  const QuantGrid* grid = quant_grid(dtype);
  return grid != nullptr && grid->table == nullptr;
}

void quantize_block(Dtype dtype, const uint32_t* numbers, uint8_t* bytes) {
  const QuantPlaces places(dtype);
  const QuantGrid& grid = places.grid();
  QuantBlock block;
  if (grid.start == Start::added) {
    quantize_from_least(grid, numbers, &block);
  } else if (dtype == Dtype::q8_0) {
    quantize_even(grid, numbers, &block);
  } else {
    quantize_from_extreme(grid, numbers, &block);
  }
  places.write_scales(block, bytes);
  places.write_codes(block.code.data(), bytes);
}

void dequantize_block(Dtype dtype, const uint8_t* bytes, uint32_t* numbers) {
  const QuantPlaces places(dtype);
  const QuantGrid& grid = places.grid();
  QuantBlock block;
  places.read_scales(bytes, &block);
  places.read_codes(bytes, block.code.data());
  for (uint32_t group = 0; group < grid.groups; ++group) {
    const QuantLine line = quant_line(grid, block, group);
    const bool is_negative =
        ((block.scale & 0x8000) != 0) != (block.group_scale[group] < 0);
    for (uint32_t i = 0; i < grid.group_codes; ++i) {
      const uint32_t at = group * grid.group_codes + i;
      numbers[at] = number_of(grid, line, is_negative, block.code[at]);
    }
  }
}

}  // namespace mallorn
