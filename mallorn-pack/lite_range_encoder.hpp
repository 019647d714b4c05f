// Writes bits under given probabilities: a binary range coder with carry, of 32 bits, for
// small devices (docs/format/lite.md, "Range coder"). Its mirror is LiteDecoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mallorn::pack {

class LiteRangeEncoder {
 public:
  explicit LiteRangeEncoder(std::vector<uint8_t>& out) : out_(out), start_(out.size()) {}

  // Codes `bit` when a one has probability p16 of 65536, 0 < p16 < 65536.
  uint32_t code(uint32_t p16, uint32_t bit) {
    const uint32_t bound = (range_ >> 16) * p16;
    if (bit != 0) {
      range_ = bound;
    } else {
      low_ += bound;
      range_ -= bound;
    }
    normalize();
    return bit;
  }

  // Writes what is left: as many bytes as a decoder reads. If it supplies zeros after the
  // end, trailing zeros can be dropped.
  void finish(bool drops_zeros = true) {
    // The shortest tail: the value in [low, low + range) with the most trailing zero bits.
    const uint64_t high = low_ + range_ - 1;
    for (int bits = 32; bits > 0; --bits) {
      const uint64_t rounded = (high >> bits) << bits;
      if (rounded >= low_) {
        low_ = rounded;
        break;
      }
    }
    for (int i = 0; i < 5; ++i) shift_low();
    for (int i = 0; drops_zeros && i < 5 && out_.size() > start_ && out_.back() == 0; ++i) {
      out_.pop_back();
    }
  }

 private:
  void normalize() {
    while (range_ < (1u << 24)) {
      range_ <<= 8;
      shift_low();
    }
  }

  void shift_low() {
    if (low_ < 0xFF000000u || low_ > 0xFFFFFFFFu) {
      const auto carry = static_cast<uint8_t>(low_ >> 32);
      if (unwritten_ == 0) out_.push_back(static_cast<uint8_t>(cache_ + carry));
      for (; pending_ > 0; --pending_) out_.push_back(static_cast<uint8_t>(0xFF + carry));
      cache_ = static_cast<uint8_t>(low_ >> 24);
      if (unwritten_ > 0) --unwritten_;
    } else {
      ++pending_;
    }
    low_ = (low_ & 0x00FFFFFFu) << 8;
  }

  std::vector<uint8_t>& out_;
  size_t start_;
  uint64_t low_ = 0;
  uint32_t range_ = 1u << 24;
  uint8_t cache_ = 0;
  uint8_t unwritten_ = 2;  // the first two bytes would always be zero: they are not written
  uint64_t pending_ = 0;
};

}  // namespace mallorn::pack
