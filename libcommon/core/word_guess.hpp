// WordGuess: what an aligned 32-bit word probably is, given the base's word at the same
// place.
//
// Offsets inside a file lead from where they stand to where they point. When parts of a
// file move, offsets change in step, as whole words, with carries that no byte-wise guess
// follows. The guess is the base's word, moved as the last word that changed: that one's
// target, seen from a place that moved (as flatbuffers tables point back).
// (docs/format/structure.md, "Words")
#pragma once

#include <cstdint>

#include "libcommon/core/base_cursor.hpp"

namespace mallorn {

class WordGuess {
 public:
  void begin_step() { has_word_ = false; }

  // Before the byte at `position` of the result; words begin where it is a multiple of
  // four.
  void begin_byte(uint64_t position, const BaseCursor& cursor) {
    if ((position & 3) != 0) return;
    has_word_ = cursor.word(&base_word_);
    moved_ = static_cast<uint32_t>(position - cursor.straight_offset());
    word_ = 0;
    guess_ = base_word_ + moved_ + change_;
    is_alive_ = has_word_;
  }

  void end_byte(uint64_t position, uint8_t byte) {
    const uint32_t shift = 8 * static_cast<uint32_t>(position & 3);
    word_ |= uint32_t{byte} << shift;
    if (this->byte(position) != byte) is_alive_ = false;
    if (shift != 24 || !has_word_ || word_ == base_word_) return;
    hits_ = word_ != guess_ ? 0 : hits_ < 3 ? hits_ + 1 : 3;
    change_ = word_ - base_word_ - moved_;
  }

  // The guess of the byte at `position`.
  uint32_t byte(uint64_t position) const {
    return guess_ >> (8 * static_cast<uint32_t>(position & 3)) & 0xFFu;
  }
  // 0: the guess is void; else 1 + how often in a row it was right, up to 3.
  uint32_t trust() const { return is_alive_ ? 1 + hits_ : 0; }

 private:
  bool has_word_ = false;
  uint32_t base_word_ = 0;
  uint32_t moved_ = 0;  // position in the result less position in the base
  uint32_t word_ = 0;   // the bytes of this word so far
  uint32_t guess_ = 0;
  uint32_t change_ = 0;
  uint32_t hits_ = 0;
  bool is_alive_ = false;
};

}  // namespace mallorn
