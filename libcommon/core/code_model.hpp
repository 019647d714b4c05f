// CodeModel: codes a quantized number, given where the base's value falls between the steps
// of the new quantization (docs/format/blocks.md, "Codes").
//
// A prediction just below the middle between two steps moves up easily, one in the middle
// of a step hardly moves: the fraction that rounding takes away is the best context there
// is.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/quant_block.hpp"

namespace mallorn {

// The level of residuals by their average, times 16, up to the greatest that matters.
constexpr std::array<uint8_t, 111> make_code_levels() {
  std::array<uint8_t, 111> levels{};
  for (size_t average = 0; average < levels.size(); ++average) {
    for (const size_t begin : {5, 8, 12, 18, 28, 44, 70, 110}) {
      if (average >= begin) ++levels[average];
    }
  }
  return levels;
}
inline constexpr std::array<uint8_t, 111> kCodeLevels = make_code_levels();

class CodeModel {
 public:
  static constexpr uint32_t kSettings = 2;

  // Codes `number`, which lies within `bounds`; a decoder must check that what it gets
  // does. `predicted` is in units of 1 / 4096, of either sign, below 2^50. `setting` is
  // what else is known of the number, below kSettings.
  template <typename Coder>
  [[gnu::always_inline]] int32_t code(Coder& coder, int32_t number, int64_t predicted,
                                      Bounds bounds, uint32_t setting) {
    constexpr int64_t kHalf = 2048;
    const int64_t rounded = (predicted + kHalf) >> 12;
    const bool is_below = rounded < bounds.low;
    const bool is_above = rounded > bounds.high;
    Place place;
    place.step = is_below   ? bounds.low
                 : is_above ? bounds.high
                            : static_cast<int32_t>(rounded);
    place.phase = is_below ? 0
                  : is_above
                      ? kPhases - 1
                      : static_cast<uint32_t>((predicted + kHalf) >> 9) & (kPhases - 1);
    place.edge = place.step == bounds.low ? 1 : place.step == bounds.high ? 2 : 0;
    place.level = level_;
    const int32_t residual = code_residual(coder, number - place.step, place, setting);
    learn(residual);
    return place.step + residual;
  }

 private:
  static constexpr uint32_t kPhases = 8;
  static constexpr uint32_t kLevels = 9;
  static constexpr uint32_t kSignLevels = 3;
  static constexpr uint32_t kMaxBits = 8;  // of a residual's magnitude
  static constexpr uint32_t kLimit = 100;

  struct Place {
    int32_t step;    // the number predicted
    uint32_t phase;  // 0: just above the middle to the step below; 7: just below that above
    uint32_t edge;   // 1: the least number, 2: the greatest
    uint32_t level;
  };

  // How large residuals are on average, from 0. (The average never falls below 4.)
  static constexpr uint32_t level_of(int32_t average) {
    constexpr int32_t kHighest = kCodeLevels.size() - 1;
    return kCodeLevels[static_cast<size_t>(average < kHighest ? average : kHighest)];
  }

  template <typename Coder>
  [[gnu::always_inline]] int32_t code_residual(Coder& coder, int32_t residual,
                                               const Place& at, uint32_t setting) {
    const uint32_t known = 2 * setting + (last_ != 0 ? 1 : 0);
    BitModel& moves = moves_[at.level][at.phase][at.edge][known];
    if (moves.code(coder, residual != 0 ? 1 : 0, kLimit) == 0) return 0;
    bool is_down = at.edge == 2;
    if (at.edge == 0) {
      const uint32_t level = at.level < kSignLevels ? at.level : kSignLevels - 1;
      BitModel& sign = is_down_[level][at.phase][last_ > 0 ? 1 : 0];
      is_down = sign.code_part(coder, residual < 0 ? 1 : 0, kLimit) != 0;
    }
    const auto size = static_cast<uint32_t>(residual < 0 ? -residual : residual);
    const auto coded = static_cast<int32_t>(code_size(coder, size, at.level));
    const int32_t sign = 0 - static_cast<int32_t>(is_down);
    return (coded ^ sign) - sign;
  }

  // A magnitude from 1 to 255: its length in unary, the bit below the leading one modelled
  // for that length, the others as they are.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code_size(Coder& coder, uint32_t size, uint32_t level) {
    const auto wanted = static_cast<uint32_t>(std::bit_width(size));
    uint32_t bits = 1;
    while (bits < kMaxBits &&
           is_longer_[level][bits].code(coder, bits < wanted ? 1 : 0, kLimit) != 0) {
      ++bits;
    }
    uint32_t coded = 1;
    for (uint32_t i = bits - 1; i-- > 0;) {
      const uint32_t bit = size >> i & 1u;
      coded = 2 * coded + (coded == 1 ? next_[bits].code_part(coder, bit, kLimit)
                                      : coder.code(32768, bit));
    }
    return coded;
  }

  void learn(int32_t residual) {
    const int32_t size = residual < 0 ? -residual : residual;
    const int32_t change = (size * 64 - average_ * 4 + 16) >> 5;
    last_ = residual;
    if (change == 0) return;
    average_ += change;
    level_ = level_of(average_);
  }

  std::array<std::array<std::array<std::array<BitModel, 2 * kSettings>, 3>, kPhases>,
             kLevels>
      moves_{};
  std::array<std::array<std::array<BitModel, 2>, kPhases>, kSignLevels> is_down_{};
  std::array<std::array<BitModel, kMaxBits>, kLevels> is_longer_{};
  std::array<BitModel, kMaxBits + 1> next_{};
  int32_t average_ = 16;  // of magnitudes, times 16
  uint32_t level_ = level_of(16);
  int32_t last_ = 0;  // residual
};

}  // namespace mallorn
