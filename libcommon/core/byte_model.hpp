// ByteModel: predicts the bytes of gaps (headers, metadata, names, tables) bit by bit, by
// mixing what the bytes before say with what the base says (docs/format/structure.md,
// "Bytes").
//
// Host profile only: it takes about 4 MiB of memory. All arithmetic is on integers; encoder
// and decoder run this same text.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/logistic.hpp"
#include "libcommon/core/recent_match.hpp"
#include "libcommon/core/word_guess.hpp"

namespace mallorn {

class ByteModel {
 public:
  ByteModel() { forget(); }

  // Back to the state in which every chunk begins. Costs nothing if no byte was coded
  // since.
  void reset() {
    if (bytes_coded_ == 0) return;
    for (auto& table : tables_) table.fill(BitModel{});
    forget();
    is_hit_ = {};
    words_ = WordGuess{};
    recent_.reset();
    bytes_coded_ = 0;
  }

  // Before the bytes of a step: `position` is its offset in the result, `before` the eight
  // bytes of the result ahead of it (the nearest one lowest, zeros before the start).
  void begin_step(uint64_t position, uint64_t before) {
    position_ = position;
    history_ = before;
    words_.begin_step();
  }

  // Codes one byte; `cursor` says what the base expects here and is told what came.
  template <typename Coder>
  uint8_t code(Coder& coder, uint8_t byte, BaseCursor& cursor) {
    words_.begin_byte(position_, cursor);
    uint8_t coded = cursor.straight();
    if (!code_hit(coder, byte == coded, cursor)) coded = code_bits(coder, byte, cursor);
    words_.end_byte(position_, coded);
    history_ = history_ << 8 | coded;
    recent_.end_byte(coded, history_);
    ++position_;
    ++bytes_coded_;
    cursor.advance(coded);
    return coded;
  }

 private:
  static constexpr uint32_t kContexts = 16;
  static constexpr uint32_t kInputs = kContexts + 1;  // and a constant
  static constexpr uint32_t kTableBits = 16;  // slots per context, as a power of two
  static constexpr uint32_t kSlotLimit = 100;
  static constexpr uint32_t kLessonLimit = 120;
  static constexpr uint32_t kRunSets = 48;
  static constexpr uint32_t kSureRun =
      32;  // right guesses in a row after which one bit may do

  using Inputs = std::array<int32_t, kInputs>;
  using Weights = std::array<int32_t, kInputs>;  // 16.16

  static constexpr Weights first_weights() {
    Weights weights{};
    weights.fill(65536 * 12 / 100);
    return weights;
  }

  // Probabilities at 33 stretches, 128 apart: to begin with, what they stand for.
  using Correction = std::array<uint16_t, 33>;
  static constexpr Correction first_correction() {
    Correction correction{};
    for (int32_t i = 0; i < 33; ++i) {
      correction[static_cast<size_t>(i)] = static_cast<uint16_t>(squash((i - 16) * 128));
    }
    return correction;
  }

  // What a context's probability turned out to be worth, by how often it was updated and by
  // its stretch, 128 apart: few sightings say more in one context than in another.
  using Experience = std::array<BitModel, 32 * 33>;
  static constexpr Experience first_experience() {
    Experience experience{};
    for (uint32_t i = 0; i < experience.size(); ++i) {
      const int32_t said = (static_cast<int32_t>(i % 33) - 16) * 128;
      experience[i].p16 = static_cast<uint16_t>(squash(said));
      experience[i].count = 8;
    }
    return experience;
  }

  // All that is small and does not begin with zeros.
  void forget() {
    weights_by_run_.fill(first_weights());
    weights_by_node_.fill(first_weights());
    weights_by_last_.fill(first_weights());
    experiences_.fill(first_experience());
    corrections_.fill(first_correction());
  }

  static constexpr uint32_t hash(uint64_t value, uint32_t salt) {
    return static_cast<uint32_t>((value + salt) * 0x9E3779B97F4A7C15ull >> 32);
  }

  // 0, 1, 2, 3, then doubling: 4.., 8.., 16.., 32 and more.
  static constexpr uint32_t run_class(uint32_t run) {
    return run < 4 ? run : run < 8 ? 4 : run < 16 ? 5 : run < 32 ? 6 : 7;
  }

  // Where the base has long been right, one bit says that it is right again: nearly all of
  // the size and a small part of the time that eight bits would take. False: the byte is to
  // follow.
  template <typename Coder>
  bool code_hit(Coder& coder, bool is_hit, const BaseCursor& cursor) {
    if (cursor.straight_run() < kSureRun) return false;
    const bool is_longest = cursor.straight_run() == BaseCursor::kMaxRun;
    return is_hit_[is_longest ? 1 : 0].code(coder, is_hit ? 1u : 0u, kSlotLimit) != 0;
  }

  template <typename Coder>
  uint8_t code_bits(Coder& coder, uint8_t byte, const BaseCursor& cursor) {
    set_contexts(cursor);
    uint32_t node = 1;
    for (uint32_t depth = 0; depth < 8; ++depth) {
      node = 2 * node + code_bit(coder, node, depth, (byte >> (7 - depth)) & 1u);
    }
    return static_cast<uint8_t>(node);
  }

  void set_contexts(const BaseCursor& cursor) {
    const uint32_t straight = cursor.straight() | (cursor.has_straight() ? 256u : 0u);
    const uint32_t waiting = cursor.waiting() | (cursor.has_waiting() ? 256u : 0u);
    const uint32_t run = run_class(cursor.straight_run());
    const uint32_t other_run = run_class(cursor.waiting_run());
    const uint32_t shifted = (straight + cursor.last_difference()) & 0xFF;
    const uint64_t last = history_;
    const uint64_t phase = position_ & 3;
    for (uint32_t i = 0; i < 4; ++i) {
      contexts_[i] = hash(last & ((1ull << (8 * (i + 1))) - 1), i + 1);
    }
    contexts_[4] = hash(last & 0xFFFFFFFFFFFF, 5);
    contexts_[5] = hash(straight | run << 9, 6);
    contexts_[6] = hash(waiting | straight << 9 | other_run << 18 | run << 22, 7);
    contexts_[7] = hash(shifted | straight << 9 | (run < 2 ? 1u : 0u) << 18, 8);
    contexts_[8] = hash(straight | (last & 0xFF) << 9 | uint64_t{waiting} << 17, 9);
    contexts_[9] = hash((last >> 24 & 0xFF) | straight << 9 | phase << 18, 10);
    for (uint32_t i = 0; i < WordGuess::kGuesses; ++i) {
      const uint32_t guess = words_.byte(i, position_);
      const uint32_t agrees = guess == cursor.straight() ? 1u : 0u;
      contexts_[10 + i] =
          hash(guess | words_.trust(i) << 8 | agrees << 12 | phase << 14, 11 + i);
    }
    contexts_[13] = hash(recent_.expected() | run_class(recent_.run()) << 9 |
                             uint32_t{cursor.straight()} << 12,
                         14);
    contexts_[14] = hash(straight | (last & 0xFFFF) << 9, 15);
    contexts_[15] = hash((last >> 24 & 0xFF) | (last >> 48 & 0xFF00), 16);

    expected_ = cursor.straight() | 256u;
    run_set_ = !cursor.has_straight() ? 0
               : cursor.has_waiting() ? 1 + run + 8 * (1 + other_run / 2)
                                      : 1 + run;
  }

  template <typename Coder>
  uint32_t code_bit(Coder& coder, uint32_t node, uint32_t depth, uint32_t bit) {
    std::array<BitModel*, kContexts> slots;
    std::array<BitModel*, kContexts> lessons;
    Inputs inputs;
    for (uint32_t i = 0; i < kContexts; ++i) {
      const uint32_t index =
          (contexts_[i] + node * 0x9E3779B1u) * 0x2C1B3C6Du >> (32 - kTableBits);
      slots[i] = &tables_[i][index];
      const int32_t said = stretch(slots[i]->p16);
      lessons[i] = &experiences_[i][lesson(slots[i]->count, said)];
      inputs[i] = slots[i]->count > 0 ? (said + stretch(lessons[i]->p16)) >> 1 : 0;
    }
    inputs[kContexts] = 256;
    // Which weights apply: does the byte the base expects still agree with the bits so far?
    const bool agrees = expected_ >> (8 - depth) == node;
    const uint32_t run_set = agrees ? run_set_ : 0;
    const std::array<Weights*, 3> weights = {
        &weights_by_run_[run_set],
        &weights_by_node_[256 * static_cast<uint32_t>(position_ & 3) + node],
        &weights_by_last_[static_cast<size_t>(history_ & 0xFF)]};
    const std::array<int32_t, 3> said = {dot(*weights[0], inputs), dot(*weights[1], inputs),
                                         dot(*weights[2], inputs)};
    const int32_t mixed = ((said[0] + said[1] + said[2]) * 21845) >> 16;
    const uint32_t expected_bit = expected_ >> (7 - depth) & 1u;
    Correction& correction =
        corrections_[(agrees ? 1 + expected_bit : 0) * kRunSets + run_set];
    const uint32_t at = static_cast<uint32_t>(mixed + 2048);
    const uint32_t low = at >> 7;
    const int32_t part = static_cast<int32_t>(at & 127u);
    const int32_t corrected =
        (correction[low] * (128 - part) + correction[low + 1] * part) >> 7;
    const int32_t p = (squash(mixed) + 3 * corrected) >> 2;
    bit = coder.code(static_cast<uint32_t>(p < 16 ? 16 : p > 65520 ? 65520 : p), bit);

    const int32_t target = bit != 0 ? 65535 : 0;
    const uint32_t rate = bytes_coded_ < 16384 ? 4 : 5;
    for (uint32_t k = 0; k < 2; ++k) {
      uint16_t& knot = correction[low + k];
      const bool is_nearer = (part >= 64) == (k == 1);
      knot =
          static_cast<uint16_t>(knot + ((target - knot) >> (is_nearer ? rate : rate + 1)));
    }
    for (uint32_t k = 0; k < 3; ++k) learn(*weights[k], inputs, target - squash(said[k]));
    for (BitModel* slot : slots) slot->update(bit, kSlotLimit);
    for (BitModel* lesson : lessons) lesson->update(bit, kLessonLimit);
    return bit;
  }

  static uint32_t lesson(uint32_t count, int32_t said) {
    return (count < 31 ? count : 31) * 33 + (static_cast<uint32_t>(said + 2112) >> 7);
  }

  static int32_t dot(const Weights& weights, const Inputs& inputs) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < kInputs; ++i) sum += int64_t{weights[i]} * inputs[i];
    sum >>= 16;
    return static_cast<int32_t>(sum < -kMaxStretch  ? -kMaxStretch
                                : sum > kMaxStretch ? kMaxStretch
                                                    : sum);
  }

  // Faster while little is known: the first 4 KiB decide what most patches cost.
  void learn(Weights& weights, const Inputs& inputs, int32_t error) const {
    const int32_t rate =
        bytes_coded_ < 4096 ? 28 - static_cast<int32_t>(bytes_coded_ >> 8) : 12;
    for (uint32_t i = 0; i < kInputs; ++i) {
      const int64_t change = (int64_t{inputs[i]} * error * rate + (1 << 17)) >> 18;
      // modulo 2^32, should a hostile patch ever drive a weight that far
      weights[i] = static_cast<int32_t>(static_cast<uint32_t>(weights[i]) +
                                        static_cast<uint32_t>(change));
    }
  }

  std::array<std::array<BitModel, size_t{1} << kTableBits>, kContexts> tables_{};
  std::array<Weights, kRunSets> weights_by_run_;
  std::array<Weights, 4 * 256> weights_by_node_;  // and the position, mod 4
  std::array<Weights, 256> weights_by_last_;      // by the byte before
  std::array<Experience, kContexts> experiences_;
  std::array<Correction, 3 * kRunSets> corrections_;
  std::array<BitModel, 2> is_hit_{};
  WordGuess words_;
  RecentMatch recent_;
  std::array<uint32_t, kContexts> contexts_{};
  uint64_t position_ = 0;
  uint64_t history_ = 0;
  uint64_t bytes_coded_ = 0;
  uint32_t expected_ = 0;  // with a leading one, as nodes have
  uint32_t run_set_ = 0;
};

}  // namespace mallorn
