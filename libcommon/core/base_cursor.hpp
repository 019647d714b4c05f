// BaseCursor: what the next byte of the result is expected to be, read from the base.
//
// Two hypotheses run side by side from the place where a step begins. `straight` moves on
// with every byte: right where bytes were changed in place. `waiting` stays where the
// expectation last failed and moves on only with bytes that agree: right after something
// was inserted. Whichever is right clearly more often since they parted becomes the place
// from which both go on. Delta, pack and apply all keep this state: the choice of steps and
// the coder's contexts depend on it (docs/format/structure.md, "Cursor").
#pragma once

#include "libcommon/core/bytes.hpp"

namespace mallorn {

class BaseCursor {
 public:
  static constexpr uint32_t kMaxRun = 63;
  static constexpr int32_t kTakeOver =
      2;  // lead in right guesses with which `waiting` takes over
  static constexpr int32_t kGiveUp = 8;  // lead of `straight` with which `waiting` joins it

  // Expects the bytes of the base from `start` on. `window` are its bytes from
  // `window_offset` on; beyond the window there is no expectation.
  BaseCursor(ByteView window, uint64_t window_offset, uint64_t start)
      : window_(window), window_offset_(window_offset), straight_(start), waiting_(start) {}

  bool has_straight() const { return is_inside(straight_); }
  bool has_waiting() const { return waiting_ != straight_ && is_inside(waiting_); }
  uint8_t straight() const { return has_straight() ? at(straight_) : uint8_t{0}; }
  uint8_t waiting() const { return has_waiting() ? at(waiting_) : uint8_t{0}; }
  // Whether `byte` is what either of them expects next.
  bool foresees(uint8_t byte) const {
    return (has_straight() && straight() == byte) || (has_waiting() && waiting() == byte);
  }
  // How many bytes in a row each was right, up to kMaxRun.
  uint32_t straight_run() const { return straight_run_; }
  uint32_t waiting_run() const { return waiting_run_; }
  // Result byte minus expected byte at the last miss of `straight`: offsets move in step.
  uint8_t last_difference() const { return last_difference_; }
  // The 32-bit word that `straight` begins; false beyond the end of the base.
  bool word(uint32_t* word) const {
    if (!is_inside(straight_) || window_.size() - (straight_ - window_offset_) < 4)
      return false;
    *word = load_le<uint32_t>(window_.data() + (straight_ - window_offset_));
    return true;
  }
  uint64_t straight_offset() const { return straight_; }
  uint64_t waiting_offset() const { return waiting_; }

  // Tells the cursor which byte the result really has.
  void advance(uint8_t byte) {
    const bool straight_hit = has_straight() && straight() == byte;
    if (waiting_ == straight_) {
      if (straight_hit) {
        ++waiting_;  // together
      } else {
        waiting_run_ = 0;
        hits_ = 0;
      }
    } else if (has_waiting() && waiting() == byte) {
      ++waiting_;
      waiting_run_ += waiting_run_ < kMaxRun ? 1 : 0;
      ++hits_;
    } else {
      waiting_run_ = 0;
    }
    if (straight_hit) --hits_;
    if (has_straight() && !straight_hit) {
      last_difference_ = static_cast<uint8_t>(byte - straight());
    }
    ++straight_;
    straight_run_ = straight_hit ? straight_run_ + (straight_run_ < kMaxRun ? 1 : 0) : 0;
    settle();
  }

 private:
  bool is_inside(uint64_t offset) const {
    return offset >= window_offset_ && offset - window_offset_ < window_.size();
  }
  uint8_t at(uint64_t offset) const {
    return window_[static_cast<size_t>(offset - window_offset_)];
  }

  void settle() {
    if (waiting_ == straight_) return;
    if (hits_ >= kTakeOver) {
      straight_ = waiting_;
      straight_run_ = waiting_run_;
      waiting_run_ = 0;
    } else if (hits_ <= -kGiveUp) {
      waiting_ = straight_;
      waiting_run_ = 0;
    }
  }

  ByteView window_;
  uint64_t window_offset_;
  uint64_t straight_;
  uint64_t waiting_;
  uint32_t straight_run_ = 0;
  uint32_t waiting_run_ = 0;
  uint8_t last_difference_ = 0;
  int32_t hits_ = 0;  // of `waiting` less those of `straight`, since they parted
};

}  // namespace mallorn
