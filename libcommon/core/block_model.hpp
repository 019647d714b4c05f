// BlockModel: codes blocks of quantized GGUF weights, given the blocks of the base
// (docs/format/blocks.md). One text for encoder and decoder.
//
// Scales come first. A weight of the base, seen through the new scales, then predicts the
// code: where requantization moved all steps of a group, most codes still follow.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/code_model.hpp"
#include "libcommon/core/code_places.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/rank_model.hpp"
#include "libcommon/core/residual_model.hpp"
#include "libcommon/core/weight_block.hpp"

namespace mallorn {

// Blocks that follow one another in one matrix.
struct BlockPiece {
  uint64_t blocks = 0;
  uint32_t ranks = 0;
  // With ranks:
  uint64_t row_blocks = 0;  // that make a row; the last row may be shorter
  int32_t exponent = 0;     // shifts are in units of 2^(exponent - 24)
};

class BlockModel {
 public:
  BlockModel() {}  // not by default: what is not initialized below is not zeroed either

  // Codes what is common to the blocks of a piece, of which there are at most `room`. False
  // if a decoder has got what no encoder writes.
  template <typename Coder>
  [[nodiscard]] bool begin_piece(Coder& coder, const QuantGrid& grid, uint64_t room,
                                 BlockPiece* piece, const RankFit& fit) {
    piece->blocks = blocks_.code(coder, piece->blocks);
    if (piece->blocks == 0 || piece->blocks > room) return false;
    has_ranks_ = has_ranks_model_.code(coder, piece->ranks != 0 ? 1 : 0, kLimit) != 0;
    if (!has_ranks_) return true;
    piece->row_blocks = row_blocks_.code(coder, piece->row_blocks);
    if (piece->row_blocks == 0 || piece->row_blocks > piece->blocks) return false;
    const uint64_t block_codes = uint64_t{grid.groups} * grid.group_codes;
    const uint64_t columns = piece->row_blocks * block_codes;
    if (columns > kMaxColumns) return false;
    const uint64_t codes = piece->blocks * block_codes;
    if (!ranks_.code_count(coder, columns, codes, &piece->ranks)) return false;
    if (!ranks_.code_exponent(coder, &piece->exponent)) return false;
    if (piece->exponent < -kMaxShiftExponent || piece->exponent > kMaxShiftExponent) {
      return false;
    }
    exponent_ = piece->exponent;
    return ranks_.code_columns(coder, piece->ranks, static_cast<uint32_t>(columns), fit);
  }

  // Before the block of that index in its piece.
  template <typename Coder>
  [[nodiscard]] bool begin_block(Coder& coder, const QuantGrid& grid,
                                 const BlockPiece& piece, uint64_t index,
                                 const RankFit& fit) {
    if (!has_ranks_) return true;
    const uint64_t in_row = index % piece.row_blocks;
    column_ = static_cast<uint32_t>(in_row) * grid.groups * grid.group_codes;
    return in_row != 0 || ranks_.code_row(coder, index / piece.row_blocks, fit);
  }

  // Codes whether a block is equal to that of the base. If it is, nothing else is coded.
  template <typename Coder>
  bool code_equal(Coder& coder, bool is_equal) {
    const bool coded =
        equal_[equal_before_].code(coder, is_equal ? 1 : 0, kEqualLimit) != 0;
    equal_before_ = (2 * equal_before_ + (coded ? 1u : 0u)) & 3u;
    return coded;
  }

  // Codes `block`, and first `keeps_numbers`: whether group scales and codes are expected
  // to be those of the base even if scales moved, as when a tensor was multiplied. False if
  // a decoder has got numbers out of bounds: its data is damaged, and `block` is not to be
  // used.
  template <typename Coder>
  [[nodiscard]] bool code(Coder& coder, const QuantGrid& grid, const QuantBlock& base,
                          bool keeps_numbers, QuantBlock* block) {
    keeps_ = keep_[keeps_ ? 1 : 0].code(coder, keeps_numbers ? 1 : 0, kLimit) != 0;
    if (!code_half(coder, 0, base.scale, &block->scale)) return false;
    if (grid.scale == Scale::power && block->scale > 0xFF) return false;
    const bool has_start = grid.start != Start::none;
    if (has_start && !code_half(coder, 1, base.minimum, &block->minimum)) return false;
    if (grid.group_scales.high != 0) {
      if (!code_group_scales(coder, grid, base, block)) return false;
    }
    uint32_t known = 0;
    if (!has_ranks_ && has_same_scales(grid, base, *block)) {
      if (!code_first(coder, grid, base, block, &known)) return false;
    }
    CodePlaces places;
    const QuantLines from(grid, base);
    const QuantLines to(grid, *block);
    for (uint32_t group = known / grid.group_codes; group < grid.groups; ++group) {
      find_places(grid, from[group], to[group], group * grid.group_codes, base, &places);
    }
    return code_codes(coder, grid, known, &places, block);
  }

  // Codes `block`, whose base are weights of another dtype. Otherwise as above.
  template <typename Coder>
  [[nodiscard]] bool code(Coder& coder, const QuantGrid& grid, const Weights& weights,
                          QuantBlock* block) {
    GroupGuesses guesses;
    guess_scales(grid, weights, &guesses);
    if (grid.scale == Scale::power) {
      const uint16_t power = power_of_weights(grid, weights);
      if (!code_half(coder, 0, power, &block->scale) || block->scale > 0xFF) return false;
    } else if (!code_guessed(coder, grid, 0, guesses, &block->scale, &block->group_scale)) {
      return false;
    }
    if (grid.start == Start::taken) {
      guess_minima(grid, weights, &guesses);
      if (!code_guessed(coder, grid, 1, guesses, &block->minimum, &block->group_minimum)) {
        return false;
      }
    }
    CodePlaces places;
    const QuantLines lines(grid, *block);
    for (uint32_t group = 0; group < grid.groups; ++group) {
      find_places(grid, lines[group], group * grid.group_codes, weights, &places);
    }
    return code_codes(coder, grid, 0, &places, block);
  }

  // A byte of a block that is not whole.
  template <typename Coder>
  uint8_t code_byte(Coder& coder, uint8_t byte, uint8_t base) {
    const uint32_t difference = byte_.code(coder, static_cast<uint8_t>(byte - base));
    return static_cast<uint8_t>(base + difference);
  }

 private:
  static constexpr uint32_t kLimit = 100;
  static constexpr uint32_t kEqualLimit = 255;
  static constexpr uint32_t kFirstPlaces = 32;  // that the model of the first code tells
  static constexpr int16_t kMiddleCode = 8;     // of a table
  using Numbers = std::array<int16_t, kMaxBlockGroups>;
  static_assert(kMaxBlockCodes <= CodePlaces::kMost);

  template <typename Coder>
  bool code_half(Coder& coder, uint32_t which, uint16_t base, uint16_t* half) {
    const auto difference = static_cast<uint16_t>(monotone(*half) - monotone(base));
    const int64_t coded =
        halves_.code(coder, static_cast<int16_t>(difference), base >> 10 & 31,
                     ResidualModel::kMiddle, &half_spread_[which]);
    *half = monotone(static_cast<uint16_t>(monotone(base) + coded));
    return coded >= INT16_MIN && coded <= INT16_MAX;
  }

  // A scale (or minimum) and the integers of the groups, if they have those, which are
  // expected where they ask for them.
  template <typename Coder>
  bool code_guessed(Coder& coder, const QuantGrid& grid, uint32_t which,
                    GroupGuesses& guesses, uint16_t* half, Numbers* numbers) {
    const int64_t asked = total(guesses, grid.groups);
    for (uint32_t i = 0; i < grid.groups; ++i) guesses[i] = lean_[which].apply(guesses[i]);
    if (!code_half(coder, which, half_of_guesses(grid, guesses), half)) return false;
    const int64_t scale = half_units(*half);
    int64_t got = 1;
    if (grid.group_scales.high != 0) {
      CodePlaces places;
      for (uint32_t i = 0; i < grid.groups; ++i) {
        const int64_t place = place_of_guess(guesses[i], scale);
        places.set(i, place, grid.group_scales, 0);
      }
      CodeModel& model = which == 0 ? scale_ : minimum_;
      if (!code_numbers(coder, model, grid.group_scales, 0, grid.groups, &places,
                        numbers->data())) {
        return false;
      }
      got = total(*numbers, grid.groups);
    }
    lean_[which].learn(asked >> 8, got * (scale < 0 ? -scale : scale));
    return true;
  }

  // Of sizes.
  template <typename Array>
  static int64_t total(const Array& numbers, uint32_t count) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; ++i) sum += numbers[i] < 0 ? -numbers[i] : numbers[i];
    return sum;
  }

  template <typename Coder>
  bool code_group_scales(Coder& coder, const QuantGrid& grid, const QuantBlock& base,
                         QuantBlock* block) {
    Numbers missed{};
    if (!code_groups(coder, scale_, grid, base.scale, block->scale, base.group_scale,
                     &block->group_scale, &missed)) {
      return false;
    }
    if (grid.start != Start::taken) return true;
    // A search that has found another scale has found another minimum for it.
    return code_groups(coder, minimum_, grid, base.minimum, block->minimum,
                       base.group_minimum, &block->group_minimum, &missed);
  }

  // The integers of all groups, whose scales are `from` in the base and `to` now. `missed`:
  // by how much those coded before missed their predictions; then, these.
  template <typename Coder>
  bool code_groups(Coder& coder, CodeModel& model, const QuantGrid& grid, uint16_t from,
                   uint16_t to, const Numbers& base, Numbers* numbers, Numbers* missed) {
    const QuantMap map = keeps_ ? kSameNumbers : map_groups(from, to);
    CodePlaces places;
    for (uint32_t i = 0; i < grid.groups; ++i) {
      places.set(i, map.predict(base[i]), grid.group_scales, 0);
      places.set_lean(i, (*missed)[i]);
    }
    if (!code_numbers(coder, model, grid.group_scales, 0, grid.groups, &places,
                      numbers->data())) {
      return false;
    }
    for (uint32_t i = 0; i < grid.groups; ++i) {
      (*missed)[i] = static_cast<int16_t>((*numbers)[i] - places.step(i));
    }
    return true;
  }

  static bool has_same_scales(const QuantGrid& grid, const QuantBlock& base,
                              const QuantBlock& block) {
    if (base.scale != block.scale || base.minimum != block.minimum) return false;
    if (grid.group_scales.high == 0) return true;
    bool is_same = true;
    for (uint32_t i = 0; i < grid.groups; ++i) {
      is_same = is_same && base.group_scale[i] == block.group_scale[i];
      if (grid.start != Start::taken) continue;
      is_same = is_same && base.group_minimum[i] == block.group_minimum[i];
    }
    return is_same;
  }

  // Of a block that is not equal to that of the base, though all its scales are: which code
  // is the first that differs, and that code. Those before it need not be coded: `*known`
  // counts them all.
  template <typename Coder>
  bool code_first(Coder& coder, const QuantGrid& grid, const QuantBlock& base,
                  QuantBlock* block, uint32_t* known) {
    const uint32_t count = uint32_t{grid.groups} * grid.group_codes;
    const uint32_t even = count > kFirstPlaces ? 3 : 0;  // bits that are not modelled
    uint32_t first = 0;                                  // a decoder's says nothing
    while (first + 1 < count && base.code[first] == block->code[first]) ++first;
    const uint32_t high = first_.code(coder, first >> even, kLimit);
    first = high << even | coder.code_bits(first & ((1u << even) - 1), even);
    for (uint32_t i = 0; i < first; ++i) block->code[i] = base.code[i];
    *known = first + 1;
    CodePlaces places;
    places.set(0, base.code[first] * 4096, grid.codes, 0);
    places.set_phases(0, 1);
    CodeModel::Run run(code_);
    int32_t number = block->code[first];
    if (!run.code_moved(coder, places, 0, grid.codes, &number)) return false;
    block->code[first] = static_cast<int16_t>(number);
    return true;
  }

  // Numbers of one kind, from `begin` on, each at its place, which still lacks its phase.
  template <typename Coder>
  [[gnu::always_inline]] static bool code_numbers(Coder& coder, CodeModel& model,
                                                  Bounds bounds, uint32_t begin,
                                                  uint32_t end, CodePlaces* places,
                                                  int16_t* numbers) {
    places->set_phases(begin, end);
    CodeModel::Run run(model);
    for (uint32_t i = begin; i < end; ++i) {
      int32_t number = numbers[i];
      if (!run.code(coder, *places, i, bounds, &number)) return false;
      numbers[i] = static_cast<int16_t>(number);
    }
    return true;
  }

  // The codes of a block, from `begin` on.
  template <typename Coder>
  bool code_codes(Coder& home, const QuantGrid& grid, uint32_t begin, CodePlaces* places,
                  QuantBlock* block) {
    Held held(home);
    return code_numbers(held.coder(), code_, grid.codes, begin,
                        uint32_t{grid.groups} * grid.group_codes, places,
                        block->code.data());
  }

  // Where the codes of a group are predicted, of which `begin` is the first.
  void find_places(const QuantGrid& grid, const QuantLine& from, const QuantLine& to,
                   uint32_t begin, const QuantBlock& base, CodePlaces* places) const {
    const uint32_t setting = from.step != to.step || from.start != to.start ? 1 : 0;
    const QuantMap map = keeps_ ? kSameNumbers : map_codes(grid, from, to);
    const int16_t* codes = base.code.data() + begin;
    const uint32_t count = grid.group_codes;
    if (!has_ranks_ && map.is_small()) {  // nearly always, and fast
      places->set_line(begin, count, codes, static_cast<int32_t>(map.factor),
                       static_cast<int32_t>(map.shift), grid.code_steps(), setting);
      return;
    }
    const int64_t reach = has_ranks_ ? code_reach(exponent_, to.step) : 0;
    for (uint32_t i = 0; i < count; ++i) {
      const int64_t shift = has_ranks_ ? ranks_.shift(column_ + begin + i) : 0;
      places->set(begin + i, map.predict(codes[i], (shift * reach) >> 32),
                  grid.code_steps(), setting);
    }
  }

  // The same of codes whose base are weights.
  void find_places(const QuantGrid& grid, const QuantLine& line, uint32_t begin,
                   const Weights& weights, CodePlaces* places) const {
    const WeightMap map(line);
    const int64_t reach = has_ranks_ ? code_reach(exponent_, line.step) : 0;
    for (uint32_t i = begin; i < begin + grid.group_codes; ++i) {
      int64_t place = map.place(weights[i]);
      if (has_ranks_) place += (ranks_.shift(column_ + i) * reach) >> 32;
      if (grid.table != nullptr) place = grid.table->place(place, kMiddleCode);
      places->set(i, place, grid.code_steps(), 0);
    }
  }

  NumberModel blocks_{};
  BitModel has_ranks_model_{};
  bool has_ranks_ = false;
  NumberModel row_blocks_{};
  RankModel ranks_;
  int32_t exponent_ = 0;
  uint32_t column_ = 0;  // of the first code of the block
  std::array<FineBitModel, 4> equal_{};
  uint32_t equal_before_ = 0;  // the last two blocks
  std::array<BitModel, 2> keep_{};
  bool keeps_ = false;  // of the block coded last
  ResidualModel halves_;
  std::array<Spread, 2> half_spread_{};  // of scales, of minima
  TreeModel<5> first_{};
  CodeModel scale_;
  CodeModel minimum_;
  CodeModel code_;
  TreeModel<8> byte_{};
  std::array<Lean, 2> lean_;  // of guesses from weights: of scales, of minima
};

}  // namespace mallorn
