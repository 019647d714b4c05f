// CodePlaces: where quantized numbers are predicted, and the context that this makes for
// each (docs/format/blocks.md, "Codes").
//
// All of it depends on the base alone: loops work it out for many numbers before the first
// of them is coded.
//
// What lies below a step is the mirror image of what lies as far above it: both have one
// context, and up and down change places.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/quant_block.hpp"

namespace mallorn {

class CodePlaces {
 public:
  static constexpr uint32_t kMost = 256;
  static constexpr uint32_t kSettings = 4;
  static constexpr uint32_t kLeansAlong = 2;  // settings of set_lean()
  static constexpr uint32_t kLeansAgainst = 3;
  static constexpr uint32_t kPhases = 11;
  static constexpr uint32_t kEdges = 4;  // of which one is not in use
  // Contexts are even numbers below this one.
  static constexpr uint32_t kContexts = 2 * kSettings * kEdges * kPhases;

  int32_t step(uint32_t i) const { return step_[i]; }  // the number predicted
  uint32_t context(uint32_t i) const { return context_[i]; }
  bool is_mirrored(uint32_t i) const { return off_[i] < 0; }
  static constexpr uint32_t phase(uint32_t context) { return context / kPhaseUnit; }
  static uint32_t setting(uint32_t context) { return context / kSettingUnit % kSettings; }

  // Sets place `i`, but for its phase. `predicted` is in units of 1 / 4096, of either sign,
  // below 2^50; `bounds` are those of steps, of 16 bits; `setting` is what else is known of
  // the number, below kSettings.
  template <typename Number>
  [[gnu::always_inline]] void set(uint32_t i, Number predicted, Bounds bounds,
                                  uint32_t setting) {
    const Number moved = predicted + kHalfStep;
    const Number rounded = moved >> 12;
    const bool is_below = rounded < bounds.low;
    const bool is_above = rounded > bounds.high;
    int32_t step = static_cast<int32_t>(rounded);
    int32_t off = static_cast<int32_t>(moved & 4095) - kHalfStep;
    step = is_below ? bounds.low : step;
    off = is_below ? -kHalfStep : off;
    step = is_above ? bounds.high : step;
    off = is_above ? kHalfStep - 1 : off;
    step_[i] = static_cast<int16_t>(step);
    off_[i] = static_cast<int16_t>(off);
    const uint32_t edge = step == bounds.low    ? kAtLowest
                          : step == bounds.high ? kAtHighest
                                                : 0;
    context_[i] = static_cast<uint16_t>(edge * kEdgeUnit + setting * kSettingUnit);
  }

  // The same of `count` places from `begin` on, for numbers of the base that are predicted
  // at number * factor + shift. Of either sign, numbers are below 2^9, factor and shift up
  // to 2^18, a number times the factor up to 2^26: 16 bits do, and eight are done at once.
  void set_line(uint32_t begin, uint32_t count, const int16_t* numbers, int32_t factor,
                int32_t shift, Bounds bounds, uint32_t setting) {
    // factor = whole * 4096 + part / 16: a product with `part` has whole numbers in its
    // upper half, and the rest of 4096 times 16 in its lower one.
    const auto whole = static_cast<int16_t>((factor + kHalfStep) >> 12);
    const auto part = static_cast<int16_t>((factor - whole * 4096) * 16);
    const auto up = static_cast<int16_t>((shift + kHalfStep) >> 12);
    const auto over = static_cast<int16_t>((shift + kHalfStep) & 4095);
    const auto low = static_cast<int16_t>(bounds.low);
    const auto high = static_cast<int16_t>(bounds.high);
    const auto known = static_cast<uint16_t>(setting * kSettingUnit);
    for (uint32_t i = 0; i < count; ++i) {
      const int32_t product = numbers[i] * part;
      const auto rest = static_cast<int16_t>((static_cast<uint16_t>(product) >> 4) + over);
      const auto rounded = static_cast<int16_t>(static_cast<int16_t>(product >> 16) +
                                                numbers[i] * whole + up + (rest >> 12));
      const auto inside = static_cast<int16_t>((rest & 4095) - kHalfStep);
      const auto below = static_cast<int16_t>(rounded < low ? -kHalfStep : inside);
      const auto raised = rounded < low ? low : rounded;
      const auto step = raised > high ? high : raised;
      const auto off = static_cast<int16_t>(rounded > high ? kHalfStep - 1 : below);
      const auto at_lowest = static_cast<uint16_t>(step == low ? kAtLowest * kEdgeUnit : 0);
      const auto at_highest =
          static_cast<uint16_t>(step == high ? kAtHighest * kEdgeUnit : 0);
      step_[begin + i] = step;
      off_[begin + i] = off;
      context_[begin + i] = static_cast<uint16_t>(known + (at_lowest | at_highest));
    }
  }

  // Of place `i`, which was set with setting 0: by how much the scale of the same group
  // missed its prediction.
  void set_lean(uint32_t i, int32_t missed) {
    const uint32_t setting = (missed < 0) == is_mirrored(i) ? kLeansAlong : kLeansAgainst;
    const uint32_t known = missed != 0 ? setting * kSettingUnit : 0;
    context_[i] = static_cast<uint16_t>(context_[i] + known);
  }

  // Sets the phases of places from `begin` to `end`. 0: at the step itself; 10: close to
  // the middle between it and the next one. Narrow near the step: where steps moved a
  // little, a code moves about as often as its prediction is far off. In 16 bits.
  void set_phases(uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; ++i) {
      const int16_t off = off_[i];
      const auto sign = static_cast<int16_t>(off >> 15);
      const auto size = static_cast<int16_t>(off ^ sign);
      const auto is_from = [size](int32_t least) {
        return static_cast<int16_t>(size >= least);
      };
      const auto phase =
          static_cast<uint16_t>((size >> 8) + is_from(32) + is_from(64) + is_from(128));
      // In a mirror, the lowest number is the highest one.
      const auto swapped = static_cast<uint16_t>(sign & context_[i] << 1 & kHighest);
      context_[i] = static_cast<uint16_t>((context_[i] ^ swapped) + phase * kPhaseUnit);
    }
  }

 private:
  static constexpr int32_t kHalfStep = 2048;
  static constexpr uint32_t kSettingUnit = 2;
  static constexpr uint32_t kEdgeUnit = kSettingUnit * kSettings;
  static constexpr uint32_t kPhaseUnit = kEdges * kEdgeUnit;
  // Of a step: it is the least number, or the greatest; as bits, of which one says which.
  static constexpr uint32_t kAtLowest = 1;
  static constexpr uint32_t kAtHighest = 3;
  static constexpr uint32_t kHighest = (kAtHighest ^ kAtLowest) * kEdgeUnit;

  std::array<int16_t, kMost> step_;
  std::array<int16_t, kMost> off_;  // how far off it the prediction is, in 4096ths
  std::array<uint16_t, kMost> context_;
};

}  // namespace mallorn
