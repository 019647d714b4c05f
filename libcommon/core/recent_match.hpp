// RecentMatch: the byte that followed when the last five coded bytes were seen before,
// among the last 64 KiB of coded bytes (docs/format/structure.md, "Recent").
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace mallorn {

class RecentMatch {
 public:
  // Remembers 2^seen_bits places, 2^14 at most.
  void begin_chunk(uint32_t seen_bits) {
    seen_bits_ = seen_bits;
    memset(last_seen_.data(), 0, sizeof(uint32_t) << seen_bits);
    count_ = at_ = run_ = 0;
  }

  // After `byte`; `history` holds the bytes of the result so far, the last one lowest.
  void end_byte(uint8_t byte, uint64_t history) {
    if (at_ != 0) {
      const bool hit = ring_[at_ & kMask] == byte;
      at_ = hit ? at_ + 1 : 0;
      run_ = !hit ? 0 : run_ < 63 ? run_ + 1 : 63;
    }
    ring_[count_ & kMask] = byte;
    ++count_;
    if (count_ < kLength) return;
    uint32_t& seen = last_seen_[hash(history)];
    if (at_ == 0 && seen != 0) {
      at_ = seen;
      run_ = 1;
    }
    seen = count_;
  }

  // 256 + the byte expected next, or 0 without one.
  uint32_t expected() const { return at_ != 0 ? 256u + ring_[at_ & kMask] : 0; }
  // How often in a row it was right, plus one.
  uint32_t run() const { return run_; }

 private:
  static constexpr uint32_t kLength = 5;
  static constexpr uint32_t kMask = 0xFFFF;

  uint32_t hash(uint64_t history) const {
    return static_cast<uint32_t>((history & 0xFFFFFFFFFF) * 0x9E3779B97F4A7C15ull >>
                                 (64 - seen_bits_));
  }

  std::array<uint8_t, kMask + 1> ring_;
  std::array<uint32_t, 1u << 14>
      last_seen_;  // by hash: count_ when those bytes had been coded
  uint32_t seen_bits_ = 14;
  uint32_t count_ = 0;  // bytes coded
  uint32_t at_ = 0;     // count_ when the expected byte was coded; 0: none
  uint32_t run_ = 0;
};

}  // namespace mallorn
