// WordGuess: what an aligned 32-bit word probably is, given the base's word at the same
// place.
//
// Offsets inside a file lead from where they stand to where they point. When parts of a
// file move, offsets change in step, as whole words, with carries that no byte-wise guess
// follows. Three guesses, each the base's word plus what the last word that changed makes
// likely: the same change; the same target, seen from a place that moved (offsets pointing
// back, as flatbuffers tables do); the same for offsets pointing forward.
// (docs/format/structure.md, "Words")
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/base_cursor.hpp"

namespace mallorn {

class WordGuess {
 public:
  static constexpr uint32_t kGuesses = 3;

  void begin_step() { has_word_ = false; }

  // Before the byte at `position` of the result; words begin where it is a multiple of
  // four.
  void begin_byte(uint64_t position, const BaseCursor& cursor) {
    if ((position & 3) != 0) return;
    has_word_ = cursor.word(&base_word_);
    moved_ = static_cast<uint32_t>(position - cursor.straight_offset());
    word_ = 0;
    guesses_ = {base_word_ + change_[0], base_word_ + moved_ + change_[1],
                base_word_ - moved_ + change_[2]};
    is_alive_.fill(has_word_);
  }

  void end_byte(uint64_t position, uint8_t byte) {
    const uint32_t shift = 8 * static_cast<uint32_t>(position & 3);
    word_ |= uint32_t{byte} << shift;
    for (uint32_t i = 0; i < kGuesses; ++i) {
      if (this->byte(i, position) != byte) is_alive_[i] = false;
    }
    if (shift != 24 || !has_word_ || word_ == base_word_) return;
    for (uint32_t i = 0; i < kGuesses; ++i) {
      hits_[i] = word_ != guesses_[i] ? 0 : hits_[i] < 3 ? hits_[i] + 1 : 3;
    }
    const uint32_t change = word_ - base_word_;
    change_ = {change, change - moved_, change + moved_};
  }

  // Guess i of the byte at `position`.
  uint32_t byte(uint32_t i, uint64_t position) const {
    return guesses_[i] >> (8 * static_cast<uint32_t>(position & 3)) & 0xFFu;
  }
  // 0: the guess is void; else 1 + how often in a row it was right, up to 3.
  uint32_t trust(uint32_t i) const { return is_alive_[i] ? 1 + hits_[i] : 0; }

 private:
  bool has_word_ = false;
  uint32_t base_word_ = 0;
  uint32_t moved_ = 0;  // position in the result less position in the base
  uint32_t word_ = 0;   // the bytes of this word so far
  std::array<uint32_t, kGuesses> guesses_{};
  std::array<uint32_t, kGuesses> change_{};
  std::array<uint32_t, kGuesses> hits_{};
  std::array<bool, kGuesses> is_alive_{};
};

}  // namespace mallorn
