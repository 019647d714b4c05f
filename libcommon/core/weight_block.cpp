#include "libcommon/core/weight_block.hpp"

#include <bit>

#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/float_cast.hpp"

namespace mallorn {
namespace {

constexpr int64_t kMostWeight = int64_t{1} << 40;
constexpr int64_t kGuessUnits = 256;  // of a guess, in one of a weight

int64_t size_of(int64_t number) { return number < 0 ? -number : number; }

// The first of those whose size is the largest.
int64_t extreme(const int64_t* numbers, uint32_t count) {
  int64_t most = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (size_of(numbers[i]) > size_of(most)) most = numbers[i];
  }
  return most;
}

// The least of them and of zero.
int64_t least(const int64_t* numbers, uint32_t count) {
  int64_t found = 0;
  for (uint32_t i = 0; i < count; ++i) found = numbers[i] < found ? numbers[i] : found;
  return found;
}

int64_t greatest(const int64_t* numbers, uint32_t count) {
  int64_t found = numbers[0];
  for (uint32_t i = 1; i < count; ++i) found = numbers[i] > found ? numbers[i] : found;
  return found;
}

}  // namespace

int64_t weight_of(uint32_t number) {
  if (!f32_is_finite(number)) return 0;
  const F32Parts parts = f32_parts(number);
  const int32_t up = parts.exponent + 24;
  auto size = static_cast<int64_t>(parts.significand);
  if (up >= 0) {
    size = up > 16 ? kMostWeight : size << up;
  } else {
    const int32_t down = up < -25 ? 25 : -up;
    size = (size + (int64_t{1} << (down - 1))) >> down;
  }
  size = size < kMostWeight ? size : kMostWeight;
  return parts.sign != 0 ? -size : size;
}

void guess_scales(const QuantGrid& grid, const Weights& weights, GroupGuesses* scales) {
  const uint32_t count = grid.group_codes;
  const int64_t lowest = grid.table != nullptr ? grid.table->value(0) : grid.codes.low;
  for (uint32_t group = 0; group < grid.groups; ++group) {
    const int64_t* of_group = weights.data() + group * count;
    if (grid.start == Start::taken) {
      const int64_t width = greatest(of_group, count) - least(of_group, count);
      (*scales)[group] = width * kGuessUnits / grid.codes.high;
    } else {
      (*scales)[group] = extreme(of_group, count) * kGuessUnits / lowest;
    }
  }
}

void guess_minima(const QuantGrid& grid, const Weights& weights, GroupGuesses* minima) {
  const uint32_t count = grid.group_codes;
  for (uint32_t group = 0; group < grid.groups; ++group) {
    (*minima)[group] = -least(weights.data() + group * count, count) * kGuessUnits;
  }
}

uint16_t half_of_guesses(const QuantGrid& grid, const GroupGuesses& groups) {
  const int64_t most = extreme(groups.data(), grid.groups);
  const Bounds bounds = grid.group_scales;
  const int64_t integer = bounds.high == 0             ? 1
                          : grid.start == Start::taken ? bounds.high
                                                       : bounds.low;
  const int64_t guess = most / integer;
  const uint32_t number =
      f32_rounded(guess < 0 ? kF32Sign : 0, static_cast<uint64_t>(size_of(guess)), -32);
  return static_cast<uint16_t>(narrowed<kF32, kF16>(number, Rounding::nearest));
}

int64_t place_of_guess(int64_t guess, int64_t scale) {
  constexpr int64_t kMost = 1 << 24;
  if (scale == 0) return 0;
  const int64_t number = guess * 16 / scale;
  return number < -kMost ? -kMost : number > kMost ? kMost : number;
}

uint16_t power_of_weights(const QuantGrid& grid, const Weights& weights) {
  const auto most =
      static_cast<uint64_t>(size_of(extreme(weights.data(), grid.group_codes)));
  return most == 0 ? uint16_t{0} : static_cast<uint16_t>(100 + std::bit_width(most));
}

}  // namespace mallorn
