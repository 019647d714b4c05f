// ByteGuess: what the next byte probably is, and how often such a guess was right
// (docs/format/structure.md, "Bytes").
//
// Three may say so: the base, straight on or where it waits, and a row of zeros, which goes
// on. Files are full of numbers of four and eight bytes, so how long such a row is says
// much about which of them is right: whether a number grew from four bytes to eight, and
// where the base goes on after it.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/core/bit_model.hpp"

namespace mallorn {

// 0, 1, 2, 3, then doubling: 4.., 8.., 16.., 32 and more.
constexpr uint32_t run_class(uint32_t run) {
  return run < 4 ? run : run < 8 ? 4 : run < 16 ? 5 : run < 32 ? 6 : 7;
}

class ByteGuess {
 public:
  ByteGuess() {
    for (uint32_t i = 0; i < kSources; ++i) trusts_[i].fill(kFirstTrusts[i]);
    for (Hits& hits : hits_) {
      for (uint32_t i = 0; i < hits.size(); ++i) {
        hits[i] = {static_cast<uint16_t>(2048 * (i % 32) + 1024), 2};
      }
    }
  }

  // Before a byte; `history` holds the bytes of the result so far, the last one lowest.
  void begin_byte(const BaseCursor& cursor, uint64_t history) {
    const uint32_t zeros = zeros_at_end(history);
    const uint32_t parted = cursor.has_waiting() ? 1 : 0;
    const uint32_t at = 16 * zeros + parted;
    const uint32_t straight_run = 2 * run_class(cursor.straight_run());
    is_there_ = {cursor.has_straight(), cursor.has_waiting(), zeros > 0};
    bytes_ = {cursor.straight(), cursor.waiting(), 0};
    asked_ = {&trusts_[0][at + straight_run],
              &trusts_[1][at + 2 * run_class(cursor.waiting_run())],
              &trusts_[2][at + straight_run]};
    best_ = kSources;
    for (uint32_t i = 0; i < kSources; ++i) {
      if (is_there_[i] &&
          (best_ == kSources || asked_[i]->probability() > asked_[best_]->probability())) {
        best_ = i;
      }
    }
    if (best_ < kSources) hit_ = &hits_[best_][32 * others() + trust() / 2048];
  }

  bool has_byte() const { return best_ < kSources; }
  uint8_t byte() const { return bytes_[best_]; }
  uint32_t source() const { return best_; }
  // How often what says so was right, of 65536.
  uint32_t trust() const { return asked_[best_]->probability(); }
  // How often such guesses were right, whether the others agreed or not.
  uint32_t hit_probability() const { return hit_->probability(); }

  void end_byte(uint8_t byte) {
    if (has_byte()) hit_->update(byte == this->byte() ? 1 : 0, kLimit);
    for (uint32_t i = 0; i < kSources; ++i) {
      if (is_there_[i]) asked_[i]->update(byte == bytes_[i] ? 1 : 0, kLimit);
    }
  }

 private:
  static constexpr uint32_t kSources = 3;
  static constexpr uint32_t kLimit = 100;
  static constexpr std::array<BitModel, kSources> kFirstTrusts = {
      {{60000, 4}, {45000, 4}, {20000, 4}}};

  using Trusts = std::array<BitModel, 9 * 8 * 2>;  // by zeros, run and parted
  using Hits = std::array<BitModel, 7 * 32>;       // by what the others say, and by trust

  static uint32_t zeros_at_end(uint64_t history) {
    return history == 0 ? 8 : static_cast<uint32_t>(__builtin_ctzll(history)) / 8;
  }

  // 1 for each that agrees with the best, 3 for each that does not.
  uint32_t others() const {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < kSources; ++i) {
      if (i != best_ && is_there_[i]) sum += bytes_[i] == bytes_[best_] ? 1 : 3;
    }
    return sum;
  }

  std::array<Trusts, kSources> trusts_;
  std::array<Hits, kSources> hits_;
  // of the byte to come
  std::array<bool, kSources> is_there_{};
  std::array<uint8_t, kSources> bytes_{};
  std::array<BitModel*, kSources> asked_{};
  uint32_t best_ = kSources;
  BitModel* hit_ = nullptr;
};

}  // namespace mallorn
