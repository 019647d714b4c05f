// CodeModel: codes a quantized number, given where the base's value falls between the steps
// of the new quantization (docs/format/blocks.md, "Codes").
//
// A prediction just below the middle between two steps moves up easily, one in the middle
// of a step hardly moves: the fraction that rounding takes away is the best context there
// is, and models begin with what it says at least.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/code_places.hpp"
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
 private:
  // What is remembered of the numbers before.
  struct History {
    int32_t average;  // of magnitudes of residuals, times 16
    uint32_t level;   // of the average
    int32_t last;     // residual
  };

 public:
  // Codes numbers in a loop: what is remembered of those before is a copy, which goes back
  // at its end.
  class Run {
   public:
    explicit Run(CodeModel& home) : home_(home), history_(home.history_) {}
    ~Run() { home_.history_ = history_; }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // Codes `*number`, the one at place `i`, which is known to have moved. False as below.
    template <typename Coder>
    [[nodiscard, gnu::always_inline]] bool code_moved(Coder& coder,
                                                      const CodePlaces& places, uint32_t i,
                                                      Bounds bounds, int32_t* number) {
      const int32_t step = places.step(i);
      const int32_t coded =
          home_.code_residual(coder, *number - step, places, i, bounds, history_);
      learn(coded, &history_);
      *number = step + coded;
      return *number >= bounds.low && *number <= bounds.high;
    }

    // Codes `*number`, the one at place `i`. False if a decoder has got one out of bounds:
    // its data is damaged, and the number is not to be used.
    template <typename Coder>
    [[nodiscard, gnu::always_inline]] bool code(Coder& coder, const CodePlaces& places,
                                                uint32_t i, Bounds bounds,
                                                int32_t* number) {
      const int32_t step = places.step(i);
      const uint32_t context = places.context(i);
      const int32_t residual = *number - step;
      *number = step;
      if (!home_.code_moves(coder, residual != 0, context, history_)) {
        learn(0, &history_);
        return true;
      }
      *number = step + residual;
      return code_moved(coder, places, i, bounds, number);
    }

   private:
    CodeModel& home_;
    History history_;
  };

 private:
  static constexpr uint32_t kLevels = 9;
  static constexpr uint32_t kSignLevels = 3;
  static constexpr uint32_t kMaxBits = 8;  // of a residual's magnitude
  static constexpr uint32_t kLimit = 100;
  static constexpr uint32_t kMovesLimit = 500;

  // How large residuals are on average, from 0. (The average never falls below 4.)
  static constexpr uint32_t level_of(int32_t average) {
    constexpr int32_t kHighest = kCodeLevels.size() - 1;
    return kCodeLevels[static_cast<size_t>(average < kHighest ? average : kHighest)];
  }

  template <typename Coder>
  [[gnu::always_inline]] bool code_moves(Coder& coder, bool moves, uint32_t context,
                                         const History& history) {
    const uint32_t had_moved = history.last != 0 ? 1 : 0;
    FineBitModel& model = moves_[context + had_moved][history.level];
    return model.code(coder, moves ? 1 : 0, kMovesLimit) != 0;
  }

  // Of a number that has moved.
  template <typename Coder>
  [[gnu::always_inline]] int32_t code_residual(Coder& coder, int32_t residual,
                                               const CodePlaces& places, uint32_t i,
                                               Bounds bounds, const History& history) {
    bool is_down = places.step(i) == bounds.high;
    if (!is_down && places.step(i) != bounds.low) {
      const uint32_t context = places.context(i);
      const uint32_t level = history.level < kSignLevels ? history.level : kSignLevels - 1;
      const uint32_t setting = CodePlaces::setting(context);
      BitModel& sign = is_down_[CodePlaces::phase(context)][setting][level];
      const uint32_t mirrored = places.is_mirrored(i) ? 1 : 0;
      const uint32_t bit = (residual < 0 ? 1u : 0u) ^ mirrored;
      is_down = sign.code_part(coder, bit, kLimit) != mirrored;
    }
    const auto size = static_cast<uint32_t>(residual < 0 ? -residual : residual);
    const auto coded = static_cast<int32_t>(code_size(coder, size, history.level));
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
    if (bits == 1) return 1;
    const uint32_t left = bits - 2;
    const uint32_t coded = 2 | next_[bits].code_part(coder, size >> left & 1u, kLimit);
    // Without a branch, even if there are none.
    return coded << left | coder.code_bits(size & ((1u << left) - 1), left);
  }

  [[gnu::always_inline]] static void learn(int32_t residual, History* history) {
    const int32_t size = residual < 0 ? -residual : residual;
    // Without a branch: when nothing moves, the average is foreseen worst.
    history->average += (size * 64 - history->average * 4 + 16) >> 5;
    history->level = level_of(history->average);
    history->last = residual;
  }

  using Moves = std::array<std::array<FineBitModel, kLevels>, CodePlaces::kContexts>;

  // As often as numbers of each phase move, of 1024. That hardly depends on how large an
  // update is, but near the steps: there it is more than small ones have.
  static constexpr Moves begun_moves() {
    constexpr std::array<uint16_t, CodePlaces::kPhases> kMoved = {
        32, 32, 32, 39, 56, 104, 158, 223, 294, 388, 478};
    Moves moves{};
    for (uint32_t i = 0; i < moves.size(); ++i) {
      moves[i].fill({kMoved[CodePlaces::phase(i)] * (FineBitModel::kOne / 1024), 2});
    }
    return moves;
  }

  // By context, to which 1 is added if the number before has moved, and level. That is the
  // last to be known: nothing is left but to add it.
  Moves moves_ = begun_moves();
  // By phase, setting and level.
  std::array<std::array<std::array<BitModel, kSignLevels>, CodePlaces::kSettings>,
             CodePlaces::kPhases>
      is_down_{};
  std::array<std::array<BitModel, kMaxBits>, kLevels> is_longer_{};
  std::array<BitModel, kMaxBits + 1> next_{};
  History history_ = {16, level_of(16), 0};
};

}  // namespace mallorn
