// MixedModel: codes numbers and floats by what their neighbours and the base let expect
// (docs/format/mixed.md). One text for encoder and decoder.
//
// Of each element a number is expected, and a deviation: how much those of its row and its
// column, and those just before it, were missed by. Its place in the order of all elements
// is coded bit by bit, halving what is left; each bit by what the normal law and what
// counting make of its likelihood.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/late_array.hpp"
#include "libcommon/core/mixed_number.hpp"
#include "libcommon/core/mixed_piece.hpp"
#include "libcommon/core/mixer.hpp"
#include "libcommon/core/normal_law.hpp"

namespace mallorn {

class MixedModel {
 public:
  MixedModel() {}  // not by default: what is not initialized below is not zeroed either

  // As ValueModel::code_head().
  template <typename Coder>
  [[nodiscard]] bool code_head(Coder& coder, const ValueType& type, bool has_base,
                               uint64_t room, MixedPiece* piece) {
    return head_.code(coder, type, has_base, room, piece);
  }

  // Before the elements of a piece whose head has been coded.
  void begin_piece(const ValueType& type, const MixedPiece& piece) {
    if (piece.method == MixedMethod::bytes) return;
    numbers_ = MixedNumbers(type, piece.zero, piece.greatest);
    all_.count = 0;  // its mean is a beginning
    // No more than there are elements: a piece is not to cost more than it brings.
    for (size_t i = 0; i < piece.row && i < kLanes; ++i) columns_.lanes[i] = {};
    for (size_t i = 0; i < piece.channels && i < kLanes; ++i) channels_seen_.lanes[i] = {};
    row_and_channel_ = {};
    recent_and_column_ = {};
    recent_ = all_.mean;
    zeros_ = 0;
  }

  // Codes element `i` of a piece: one after the other. `values` are those of the piece,
  // `base` those of the base at the same place, or null. An encoder has them all in
  // `values`; a decoder gets them.
  template <typename Coder>
  void code_element(Coder& coder, const ValueType& type, const MixedPiece& piece,
                    uint64_t i, const uint8_t* base, uint8_t* values) {
    if (piece.method == MixedMethod::bytes) {
      values[i] = static_cast<uint8_t>(byte_.code(coder, values[i]));
      return;
    }
    if (i % piece.row == 0) row_ = {};
    const View view = look(piece, type, i, base, values);
    uint8_t* const at = values + i * type.bytes;
    const uint64_t place = code_place(coder, type, piece, view, numbers_.place(at));
    numbers_.store(at, place);
    learn(piece, i, view, numbers_.number(place));
  }

 private:
  static constexpr uint32_t kClasses = 24;  // of deviations, by half octaves
  static constexpr uint32_t kSlotBits = 16;
  static constexpr uint32_t kLimit = 126;       // of slots
  static constexpr uint32_t kLanes = 1u << 16;  // more columns share them
  static constexpr size_t kLaws = 2;
  static constexpr size_t kContexts = kMixedInputs - kLaws;
  static constexpr uint32_t kZeroNode = 0;  // all others are above
  static constexpr uint32_t kZeroDepth = 32;
  static constexpr uint32_t kNodes = 1024;  // that have a refiner of their own
  static constexpr uint32_t kRefiners = kNodes + 32;

  // A mean deviation, and how many have made it.
  struct Deviation {
    int32_t mean = 0;
    uint32_t count = 0;

    void learn(int32_t size, uint32_t limit) {
      mean += static_cast<int32_t>((int64_t{size - mean} * kRates[count]) >> 16);
      if (count < limit) ++count;
    }
  };

  // What is known of an element before it is coded.
  struct View {
    int64_t expected;
    std::array<NormalLaw, kLaws> laws;
    int64_t flat;  // between bounds that are so near, all places are as likely
    std::array<uint32_t, kContexts> contexts;
    std::array<uint32_t, kContexts> zero_contexts;
    Deviation* in_row_and_channel;
    Deviation* in_recent_and_column;
  };

  // The places that an element may still have, as the laws see them.
  struct Range {
    std::array<int64_t, kLaws> below_low;
    std::array<int64_t, kLaws> below_high;
  };

  // --- what is expected

  int64_t expect(const MixedPiece& piece, const ValueType& type, uint64_t i,
                 const uint8_t* base, const uint8_t* values) const {
    const int64_t mean = int64_t{piece.mean} * kMixedMeanUnit;
    int64_t sum = mean;
    for (uint32_t k = 0; k < piece.source_count; ++k) {
      const MixedSource& source = piece.sources[k];
      const uint8_t* from = base;
      uint64_t at = i;
      if (source.axis != MixedAxis::base) {
        const uint64_t back = source.distance * piece.stride(source.axis);
        if (i % piece.period(source.axis) < back) continue;
        from = values;
        at = i - back;
      }
      const int64_t number = numbers_.number(numbers_.place(from + at * type.bytes));
      sum += ((number - mean) * source.weight) >> 10;
    }
    return sum > MixedNumbers::kMost    ? MixedNumbers::kMost
           : sum < -MixedNumbers::kMost ? -MixedNumbers::kMost
                                        : sum;
  }

  // Half octaves.
  static constexpr int32_t half_octaves(int32_t size) {
    if (size < 2) return 0;
    const auto bits = static_cast<int32_t>(std::bit_width(static_cast<uint32_t>(size)));
    return 2 * bits + (size >> (bits - 2) & 1);
  }

  // By half octaves above or below the mean of all.
  uint32_t class_of(int32_t deviation) const {
    constexpr auto kMiddle = static_cast<int32_t>(kClasses / 2);
    const int32_t level = half_octaves(deviation) - half_octaves(all_.mean) + kMiddle;
    return level < 0                                    ? 0
           : level > static_cast<int32_t>(kClasses) - 1 ? kClasses - 1
                                                        : static_cast<uint32_t>(level);
  }

  int32_t mean_of(const Deviation& lane) const {
    return lane.count != 0 ? lane.mean : all_.mean;
  }

  // A deviation known by two others; of one never met, the middle of both.
  static int32_t joint(Deviation* at, int32_t one, int32_t other) {
    if (at->count == 0) {
      at->mean = static_cast<int32_t>((int64_t{one} + other) / 2);
      at->count = 1;
    }
    return at->mean;
  }

  View look(const MixedPiece& piece, const ValueType& type, uint64_t i, const uint8_t* base,
            const uint8_t* values) {
    View view;
    view.expected = expect(piece, type, i, base, values);
    const int32_t in_row = mean_of(row_);
    const int32_t in_channel = mean_of(channels_seen_.lanes[i % piece.channels % kLanes]);
    const int32_t in_column = mean_of(columns_.lanes[i % piece.row % kLanes]);
    const uint32_t row_class = class_of(in_row);
    const uint32_t channel_class = class_of(in_channel);
    view.in_row_and_channel = &row_and_channel_[row_class][channel_class];
    view.in_recent_and_column = &recent_and_column_[class_of(recent_)][class_of(in_column)];
    const int32_t first = joint(view.in_row_and_channel, in_row, in_channel);
    const int32_t second = joint(view.in_recent_and_column, recent_, in_column);
    view.laws = {NormalLaw(view.expected, first), NormalLaw(view.expected, second)};
    view.flat = first >> 3;
    view.contexts = {0, class_of(first), shift_class(view, piece)};
    view.zero_contexts = {32 * (zeros_ & 255) + channel_class,
                          32 * row_class + channel_class, zeros_ & 7};
    return view;
  }

  // How far what is expected is from the mean: by quarters of the mean deviation, from two
  // of them below it on.
  uint32_t shift_class(const View& view, const MixedPiece& piece) const {
    const int64_t away = view.expected - int64_t{piece.mean} * kMixedMeanUnit;
    const int64_t quarters = 4 * away + 8 * (int64_t{all_.mean} + 1);
    if (quarters < 0) return 0;
    const int64_t level = quarters / (int64_t{all_.mean} + 1);
    return level > 15 ? 15 : static_cast<uint32_t>(level);
  }

  // --- elements

  template <typename Coder>
  uint64_t code_place(Coder& coder, const ValueType& type, const MixedPiece& piece,
                      const View& view, uint64_t place) {
    if (piece.method == MixedMethod::sparse) {
      const uint32_t is_zero = code_zero(coder, view, place == numbers_.middle() ? 1 : 0);
      zeros_ = 2 * zeros_ + is_zero;
      if (is_zero != 0) return numbers_.middle();
    }
    // Places that differ in the exponent are not evenly spaced.
    const uint32_t bits = numbers_.bits();
    const uint32_t least = numbers_.is_float() ? bits - type.format.mantissa_bits : bits;
    Range range;
    int64_t low = -MixedNumbers::kMost;
    int64_t high = MixedNumbers::kMost;
    for (size_t k = 0; k < kLaws; ++k) {
      range.below_low[k] = view.laws[k].below(low);
      range.below_high[k] = view.laws[k].below(high);
    }
    uint64_t coded = 0;
    uint32_t node = 1;
    uint32_t depth = 0;
    for (; depth < least || (depth < bits && high - low >= view.flat); ++depth) {
      const uint32_t left = bits - 1 - depth;
      const uint64_t half = coded + (uint64_t{1} << left);
      const int64_t middle = numbers_.bound(half);
      const auto wanted = static_cast<uint32_t>(place >> left) & 1u;
      const uint32_t bit = code_half(coder, view, middle, node, depth, wanted, &range);
      (bit != 0 ? low : high) = middle;
      if (bit != 0) coded = half;
      node = 2 * node + bit;
    }
    for (uint32_t left = bits - depth; left > 0;) {
      const uint32_t count = left < 16 ? left : 16;
      left -= count;
      const auto part = static_cast<uint32_t>(place >> left) & ((1u << count) - 1);
      coded += uint64_t{coder.code_bits(part, count)} << left;
    }
    return coded;
  }

  template <typename Coder>
  uint32_t code_zero(Coder& coder, const View& view, uint32_t is_zero) {
    return code_bit(coder, {}, view.zero_contexts, kZeroNode, kZeroDepth, is_zero);
  }

  template <typename Coder>
  uint32_t code_half(Coder& coder, const View& view, int64_t middle, uint32_t node,
                     uint32_t depth, uint32_t wanted, Range* range) {
    MixedInputs inputs{};
    std::array<int64_t, kLaws> below;
    for (size_t k = 0; k < kLaws; ++k) {
      below[k] = view.laws[k].below(middle);
      inputs[k] = logistic::kStretch[share_above(range->below_low[k], below[k],
                                                 range->below_high[k])];
    }
    const uint32_t bit = code_bit(coder, inputs, view.contexts, node, depth, wanted);
    (bit != 0 ? range->below_low : range->below_high) = below;
    return bit;
  }

  // `inputs` has what laws say; contexts have their say here.
  template <typename Coder>
  uint32_t code_bit(Coder& coder, MixedInputs inputs,
                    const std::array<uint32_t, kContexts>& contexts, uint32_t node,
                    uint32_t depth, uint32_t wanted) {
    std::array<BitModel*, kContexts> slots;
    for (size_t k = 0; k < kContexts; ++k) {
      slots[k] = &slots_[k][slot_of(contexts[k], node)];
      inputs[kLaws + k] = stretch(slots[k]->probability());
    }
    Mixer& mixer = mixers_[depth];
    Refiner& refiner = refiners_[node < kNodes ? node : kNodes + depth];
    const int32_t mixed = mixer.mix(inputs);
    const int32_t both = (3 * squash(mixed) + refiner.refine(mixed) + 2) >> 2;
    const uint32_t bit = coder.code(static_cast<uint32_t>(both < 24      ? 24
                                                          : both > 65512 ? 65512
                                                                         : both),
                                    wanted);
    mixer.learn(inputs, mixed, bit);
    refiner.learn(mixed, bit);
    for (BitModel* slot : slots) slot->update(bit, kLimit);
    return bit;
  }

  static uint32_t slot_of(uint32_t context, uint32_t node) {
    return ((context * 0x2545F491u + node) * 0x9E3779B1u) >> (32 - kSlotBits);
  }

  void learn(const MixedPiece& piece, uint64_t i, const View& view, int64_t number) {
    constexpr uint32_t kFew = 25;
    const int64_t missed = number - view.expected;
    const int64_t size = missed < 0 ? -missed : missed;
    const auto deviation =
        static_cast<int32_t>(size < MixedNumbers::kMost ? size : MixedNumbers::kMost);
    const auto lane = [&](Deviation& at) {
      if (at.count == 0) at = {all_.mean, 1};
      at.learn(deviation, 126);
    };
    lane(row_);
    lane(columns_.lanes[i % piece.row % kLanes]);
    lane(channels_seen_.lanes[i % piece.channels % kLanes]);
    view.in_row_and_channel->learn(deviation, kFew);
    view.in_recent_and_column->learn(deviation, kFew);
    all_.learn(deviation, 127);
    recent_ += (deviation - recent_) >> 3;
  }

  MixedHeadModel head_;
  TreeModel<8> byte_{};

  std::array<LateArray<BitModel, size_t{1} << kSlotBits, 64>, kContexts> slots_;
  std::array<Mixer, 33> mixers_{};
  LateArray<Refiner, kRefiners, 1> refiners_;

  // Of the piece being coded.
  MixedNumbers numbers_{};
  Deviation all_{1 << 26, 0};
  Deviation row_{};
  union Lanes {  // begun with the piece
    Lanes() {}
    std::array<Deviation, kLanes> lanes;
  };
  Lanes columns_;
  Lanes channels_seen_;
  std::array<std::array<Deviation, kClasses>, kClasses> row_and_channel_{};
  std::array<std::array<Deviation, kClasses>, kClasses> recent_and_column_{};
  int32_t recent_ = 0;
  uint32_t zeros_ = 0;  // a bit for each of the last elements
};

}  // namespace mallorn
