// Reads bits that are as they are, first bit lowest (docs/format/tokens.md, "Raw bits").
#pragma once

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/bytes.hpp"

namespace mallorn::apply {

class RawBits {
 public:
  explicit RawBits(ByteView bytes) : bytes_(bytes) {}

  // The next `count` bits, at most 32; zeros behind the end, which is_at_end() tells.
  uint32_t take(uint32_t count) {
    const size_t byte = at_ / 8;
    uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) {
      load_run(&word, bytes_.data() + byte, 1);
    } else {
      word = last_bytes(byte);
    }
    const auto bits =
        static_cast<uint32_t>(word >> (at_ % 8) & ((uint64_t{1} << count) - 1));
    at_ += count;
    return bits;
  }

  bool is_exhausted() const { return at_ > 8 * bytes_.size(); }

  // True if all was read but what fills the last byte, and that is zero.
  bool is_at_end() {
    const size_t left = 8 * bytes_.size() - at_;
    return !is_exhausted() && left < 8 && take(static_cast<uint32_t>(left)) == 0;
  }

 private:
  uint64_t last_bytes(size_t byte) const {
    uint64_t word = 0;
    for (size_t i = 0; byte + i < bytes_.size(); ++i) {
      word |= uint64_t{bytes_[byte + i]} << (8 * i);
    }
    return word;
  }

  ByteView bytes_;
  size_t at_ = 0;  // bits
};

}  // namespace mallorn::apply
