// ByteModel: predicts the bytes of gaps (headers, metadata, names, tables), by mixing what
// the bytes before say with what the base says (docs/format/structure.md, "Bytes").
//
// Most bytes are what one guess says, so that is asked first: by one bit that asks nobody
// else where such guesses have nearly always been right, by one that is mixed where they
// mostly were. Only what they miss is coded bit by bit. Numbers are of 16 bits and what a
// byte needs lies together: a bit that is mixed costs some 100 ns, and a megabyte of them
// is the slowest there is.
//
// Host profile only: it takes about 3 MiB of memory. All arithmetic is on integers; encoder
// and decoder run this same text.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/byte_guess.hpp"
#include "libcommon/core/logistic.hpp"
#include "libcommon/core/recent_match.hpp"
#include "libcommon/core/word_guess.hpp"

namespace mallorn {

class ByteModel {
 public:
  ByteModel() {}  // nothing: megabytes, of which begin_chunk() makes what is needed

  // Before the bytes of a chunk, which are `bytes` or a few more.
  void begin_chunk(uint64_t bytes) {
    line_bits_ = line_bits_for(bytes);
    memset(lines_of_all_.data(), 0, sizeof(Line) * (kContexts << line_bits_));
    weights_by_run_.fill(first_weights());
    weights_by_node_.fill(first_weights());
    experiences_.fill(first_experience());
    corrections_.fill(first_correction());
    is_sure_ = {};
    start_anew(&guess_);
    words_ = WordGuess{};
    recent_.begin_chunk(line_bits_ + 1);
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
    const uint8_t coded = cursor.straight_run() < kSureRun
                              ? code_guessed(coder, byte, cursor)
                              : code_sure(coder, byte, cursor);
    words_.end_byte(position_, coded);
    history_ = history_ << 8 | coded;
    recent_.end_byte(coded, history_);
    ++position_;
    ++bytes_coded_;
    cursor.advance(coded);
    return coded;
  }

 private:
  static constexpr uint32_t kContexts = 11;
  static constexpr uint32_t kInputs = kContexts + 1;  // and a constant
  static constexpr uint32_t kMinLineBits = 8;  // lines of a context, as a power of two
  static constexpr uint32_t kMaxLineBits = 13;
  static constexpr uint32_t kHitLimit = 100;
  static constexpr uint32_t kLessonLimit = 120;
  static constexpr uint32_t kRunSets = 48;
  // Right guesses in a row after which one bit may do that asks nothing else.
  static constexpr uint32_t kSureRun = 32;
  // Of 65536, how often a guess is right: so often that its bit need not be mixed, and so
  // often that it is asked for at all.
  static constexpr uint32_t kNearlySure = 65300;
  static constexpr uint32_t kWorthAsking = 34000;

  using Inputs = std::array<int16_t, kInputs>;   // twice a stretch
  using Weights = std::array<int16_t, kInputs>;  // 16384 is one

  static constexpr Weights first_weights() {
    Weights weights{};
    weights.fill(2400);
    weights[kContexts] = 0;
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
  using Experience = std::array<BitModel, 16 * 33>;
  static constexpr Experience first_experience() {
    Experience experience{};
    for (uint32_t i = 0; i < experience.size(); ++i) {
      const int32_t said = (static_cast<int32_t>(i % 33) - 16) * 128;
      experience[i] = {static_cast<uint32_t>(squash(said)), 8};
    }
    return experience;
  }

  // Few bytes need few lines, and what is not touched need not be cleared.
  static uint32_t line_bits_for(uint64_t bytes) {
    uint32_t bits = kMinLineBits;
    while (bits < kMaxLineBits && bytes >> bits != 0) ++bits;
    return bits;
  }

  static constexpr uint32_t hash(uint64_t value, uint32_t salt) {
    return static_cast<uint32_t>((value + salt) * 0x9E3779B97F4A7C15ull >> 32);
  }

  // --- bytes

  // Where the base has long been right, one bit says that it is right again: nearly all of
  // the size and a small part of the time.
  template <typename Coder>
  uint8_t code_sure(Coder& coder, uint8_t byte, const BaseCursor& cursor) {
    const uint8_t guess = cursor.straight();
    BitModel& is_sure = is_sure_[cursor.straight_run() == BaseCursor::kMaxRun ? 1 : 0];
    if (is_sure.code(coder, byte == guess ? 1u : 0u, kHitLimit) != 0) return guess;
    set_contexts(cursor);
    return code_unguessed(coder, byte);
  }

  template <typename Coder>
  uint8_t code_guessed(Coder& coder, uint8_t byte, const BaseCursor& cursor) {
    guess_.begin_byte(cursor, history_);
    const uint8_t coded =
        is_guessed(coder, byte, cursor) ? guess_.byte() : code_unguessed(coder, byte);
    guess_.end_byte(coded);
    return coded;
  }

  // Codes whether the guess is right; false without one that is worth a bit. Then the
  // byte's contexts have been set.
  template <typename Coder>
  bool is_guessed(Coder& coder, uint8_t byte, const BaseCursor& cursor) {
    const uint32_t wanted = guess_.has_byte() && byte == guess_.byte() ? 1 : 0;
    if (guess_.has_byte() && guess_.hit_probability() >= kNearlySure) {
      if (coder.code(guess_.hit_probability(), wanted) != 0) return true;
      set_contexts(cursor);
      return false;
    }
    set_contexts(cursor);
    if (!guess_.has_byte() || guess_.trust() < kWorthAsking) return false;
    find_lines(kGuessLines + 32 * guess_.source());
    return code_bit(coder, kGuessNode, wanted) != 0;
  }

  template <typename Coder>
  uint8_t code_unguessed(Coder& coder, uint8_t byte) {
    find_lines(kByteLines);
    return code_bits(coder, byte);
  }

  template <typename Coder>
  uint8_t code_bits(Coder& coder, uint8_t byte) {
    uint32_t node = 1;
    for (uint32_t depth = 0; depth < 8; ++depth) {
      if (depth == 4) find_lines(node);
      node = 2 * node + code_bit(coder, {node, depth}, (byte >> (7 - depth)) & 1u);
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
    contexts_[4] = hash(straight | run << 9, 5);
    contexts_[5] = hash(waiting | straight << 9 | other_run << 18 | run << 22, 6);
    contexts_[6] = hash(shifted | straight << 9 | (run < 2 ? 1u : 0u) << 18, 7);
    contexts_[7] = hash((last >> 24 & 0xFF) | straight << 9 | phase << 18, 8);
    const uint32_t guess = words_.byte(position_);
    const uint32_t agrees = guess == cursor.straight() ? 1u : 0u;
    contexts_[8] = hash(guess | words_.trust() << 8 | agrees << 12 | phase << 14, 9);
    contexts_[9] = hash(recent_.expected() | run_class(recent_.run()) << 9 |
                            uint32_t{cursor.straight()} << 12,
                        10);
    contexts_[10] = hash(straight | (last & 0xFFFF) << 9, 11);

    expected_ = cursor.straight() | 256u;
    run_set_ = !cursor.has_straight() ? 0
               : cursor.has_waiting() ? 1 + run + 8 * (1 + other_run / 2)
                                      : 1 + run;
  }

  // --- slots: what each context has seen of a bit

  // A probability of 12 bits and a count of 4, for the guess and the 15 nodes of the upper
  // half of a byte, or for those of the lower half under an upper one: one line of cache.
  using Line = std::array<uint16_t, 16>;

  struct Slot {
    int32_t p12;
    uint32_t count;
  };
  static constexpr uint16_t kFirstSlot = 0x8000;  // memory begins with zeros

  static Slot load_slot(uint16_t bits) {
    bits ^= kFirstSlot;
    return {bits >> 4, bits & 15u};
  }
  static uint16_t updated_slot(Slot slot, uint32_t bit) {
    const int32_t target = bit != 0 ? 4095 : 0;
    const int32_t change = (target - slot.p12) * kRates[slot.count];
    const auto p12 = static_cast<uint32_t>(slot.p12 + ((change + 32768) >> 16));
    const uint32_t count = slot.count < 15 ? slot.count + 1 : 15;
    return static_cast<uint16_t>((p12 << 4 | count) ^ kFirstSlot);
  }

  // The lines of a byte's upper half begin at node 1, those of the lower half at that of
  // four bits. Guesses use the former, but for those that do not come from straight on.
  static constexpr uint32_t kByteLines = 1;
  static constexpr uint32_t kGuessLines = 1;

  // `start`: the node at which the lines begin.
  void find_lines(uint32_t start) {
    for (uint32_t i = 0; i < kContexts; ++i) {
      const uint32_t line =
          (contexts_[i] + start * 0x9E3779B1u) * 0x2C1B3C6Du >> (32 - line_bits_);
      lines_[i] = &lines_of_all_[(i << line_bits_) + line];
      __builtin_prefetch(lines_[i]);
    }
  }

  // --- bits

  // A bit of a byte: after `depth` others, which with a leading one make `node`.
  struct Place {
    uint32_t node;
    uint32_t depth;

    uint32_t in_line() const {
      return depth < 4 ? node : (node & ((1u << (depth - 4)) - 1)) | 1u << (depth - 4);
    }
  };
  static constexpr Place kGuessNode = {0, 0};  // whether the guess is right

  template <typename Coder>
  uint32_t code_bit(Coder& coder, Place place, uint32_t bit) {
    const uint32_t in_line = place.in_line();
    std::array<Slot, kContexts> slots;
    std::array<BitModel*, kContexts> lessons;
    Inputs inputs;
    for (uint32_t i = 0; i < kContexts; ++i) {
      slots[i] = load_slot((*lines_[i])[in_line]);
      const int32_t said = logistic::kStretch[static_cast<size_t>(slots[i].p12)];
      lessons[i] =
          &experiences_[i][33 * slots[i].count + (static_cast<uint32_t>(said + 2112) >> 7)];
      const int32_t learned = said + stretch(lessons[i]->probability());
      inputs[i] = static_cast<int16_t>(slots[i].count > 0 ? learned : 0);
    }
    inputs[kContexts] = 2048;

    // Which weights apply: does the byte the base expects still agree with the bits so far?
    const bool is_guess = place.node == 0;
    const bool agrees = expected_ >> (8 - place.depth) == place.node;
    const uint32_t expected_bit = expected_ >> (7 - place.depth) & 1u;
    const uint32_t run_set = is_guess || agrees ? run_set_ : 0;
    const uint32_t kind = is_guess ? 3 : agrees ? 1 + expected_bit : 0;
    Weights& by_run = weights_by_run_[(is_guess ? kRunSets : 0) + run_set];
    Weights& by_node =
        weights_by_node_[256 * static_cast<uint32_t>(position_ & 3) + place.node];
    const int32_t says_run = dot(by_run, inputs);
    const int32_t says_node = dot(by_node, inputs);
    const int32_t mixed = (says_run + says_node) >> 1;
    bit = code_corrected(coder, mixed, &corrections_[kind * kRunSets + run_set], bit);

    const int32_t target = bit != 0 ? 65535 : 0;
    learn(by_run, inputs, target - squash(says_run));
    learn(by_node, inputs, target - squash(says_node));
    for (uint32_t i = 0; i < kContexts; ++i) {
      (*lines_[i])[in_line] = updated_slot(slots[i], bit);
      lessons[i]->update(bit, kLessonLimit);
    }
    return bit;
  }

  // Codes a bit under the mean of what was mixed and what that turned out to be worth.
  template <typename Coder>
  uint32_t code_corrected(Coder& coder, int32_t mixed, Correction* correction,
                          uint32_t bit) const {
    const uint32_t at = static_cast<uint32_t>(mixed + 2048);
    const uint32_t low = at >> 7;
    const int32_t part = static_cast<int32_t>(at & 127u);
    const int32_t corrected =
        ((*correction)[low] * (128 - part) + (*correction)[low + 1] * part) >> 7;
    const int32_t p = (squash(mixed) + corrected) >> 1;
    bit = coder.code(static_cast<uint32_t>(p < 16 ? 16 : p > 65520 ? 65520 : p), bit);

    const int32_t target = bit != 0 ? 65535 : 0;
    const uint32_t rate = bytes_coded_ < 16384 ? 4 : 5;
    for (uint32_t k = 0; k < 2; ++k) {
      uint16_t& knot = (*correction)[low + k];
      const bool is_nearer = (part >= 64) == (k == 1);
      knot =
          static_cast<uint16_t>(knot + ((target - knot) >> (is_nearer ? rate : rate + 1)));
    }
    return bit;
  }

  // Below 2^31: weights are of 16 bits, inputs within +-4094.
  static int32_t dot(const Weights& weights, const Inputs& inputs) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < kInputs; ++i) sum += weights[i] * inputs[i];
    sum >>= 15;
    return sum < -kMaxStretch ? -kMaxStretch : sum > kMaxStretch ? kMaxStretch : sum;
  }

  // Faster while little is known: the first 4 KiB decide what most patches cost.
  void learn(Weights& weights, const Inputs& inputs, int32_t error) const {
    constexpr int32_t kMost = 32767;
    constexpr int16_t kBound = 30000;  // a change is below 2047: no weight overflows
    const int32_t rate =
        bytes_coded_ < 4096 ? 28 - static_cast<int32_t>(bytes_coded_ >> 8) : 12;
    const int32_t wanted = (error * rate) >> 5;
    const auto step = static_cast<int16_t>(wanted < -kMost  ? -kMost
                                           : wanted > kMost ? kMost
                                                            : wanted);
    for (uint32_t i = 0; i < kInputs; ++i) {
      const int16_t above = weights[i] < -kBound ? int16_t{-kBound} : weights[i];
      const int16_t weight = above > kBound ? kBound : above;
      weights[i] = static_cast<int16_t>(weight + ((inputs[i] * step) >> 16));
    }
  }

  std::array<Line*, kContexts> lines_{};
  std::array<Weights, 2 * kRunSets> weights_by_run_;
  std::array<Weights, 4 * 256> weights_by_node_;  // and the position, mod 4
  std::array<Experience, kContexts> experiences_;
  std::array<Correction, 4 * kRunSets> corrections_;
  std::array<BitModel, 2> is_sure_{};
  ByteGuess guess_;
  WordGuess words_;
  RecentMatch recent_;
  std::array<uint32_t, kContexts> contexts_{};
  uint64_t position_ = 0;
  uint64_t history_ = 0;
  uint64_t bytes_coded_ = 0;
  uint32_t expected_ = 0;  // with a leading one, as nodes have
  uint32_t run_set_ = 0;
  uint32_t line_bits_ = 0;
  // Of all contexts, one after the other. Last: what few bytes need lies at the front.
  alignas(64) std::array<Line, kContexts << kMaxLineBits> lines_of_all_;
};

}  // namespace mallorn
