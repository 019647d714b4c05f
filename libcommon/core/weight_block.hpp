// Weights of another dtype, from which a block is quantized: what they tell of its scales
// and codes (docs/format/blocks.md, "Weights").
//
// Types whose scales are found by a search are not converted to: searches differ. But their
// scales lie near what the extremes of each group ask for, and once they are known nearly
// every code follows from its weight.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/quant_block.hpp"

namespace mallorn {

// In units of 2^-24, at most 2^40 of either sign.
using Weights = std::array<int64_t, kMaxBlockCodes>;

// The weight of a number in binary32; 0 for infinities and NaN.
int64_t weight_of(uint32_t number);

// Scales (or minima) of groups as their weights ask for them, in units of 2^-32, at most
// 2^48 of either sign.
using GroupGuesses = std::array<int64_t, kMaxBlockGroups>;

void guess_scales(const QuantGrid& grid, const Weights& weights, GroupGuesses* scales);
// Of types whose start is `taken`.
void guess_minima(const QuantGrid& grid, const Weights& weights, GroupGuesses* minima);

// The bits in half precision of the scale (or minimum) of a block whose groups ask for
// these.
uint16_t half_of_guesses(const QuantGrid& grid, const GroupGuesses& groups);

// The integer of a group that asks for `guess`, in units of 1 / 4096, at most 2^24 of
// either sign; 0 without a scale of the block, in units of 2^-24.
int64_t place_of_guess(int64_t guess, int64_t scale);

// The exponent of the power of two that a block with these weights asks for.
uint16_t power_of_weights(const QuantGrid& grid, const Weights& weights);

// By how much searches miss guesses, on average: a factor.
class Lean {
 public:
  int64_t apply(int64_t guess) const { return (guess * (sixteenfold_ >> 4)) >> 12; }

  // What groups asked for in all, and have got: both at most 2^52, none negative.
  void learn(int64_t asked, int64_t got) {
    constexpr int64_t kMost = int64_t{1} << 50;
    if (asked == 0) return;
    const int64_t factor = (got < kMost ? got : kMost) * 4096 / asked;
    const int64_t kept = factor < 2048 ? 2048 : factor > 8192 ? 8192 : factor;
    sixteenfold_ += kept - ((sixteenfold_ + 8) >> 4);
  }

 private:
  int64_t sixteenfold_ = 16 * 4096;
};

// Where weights lie among the codes of a line, in units of 1 / 4096.
class WeightMap {
 public:
  explicit WeightMap(const QuantLine& line)
      : start_(line.start),
        most_((line.step < 0 ? -line.step : line.step) << 12),
        inverse_(line.step == 0 ? 0 : (int64_t{1} << 48) / line.step) {}

  // At most 2^24 of either sign; 0 without a step.
  int64_t place(int64_t weight) const {
    const int64_t above = weight - start_;
    const int64_t within = above < -most_ ? -most_ : above > most_ ? most_ : above;
    return (within * inverse_ + (int64_t{1} << 35)) >> 36;
  }

 private:
  int64_t start_;
  int64_t most_;
  int64_t inverse_;
};

}  // namespace mallorn
