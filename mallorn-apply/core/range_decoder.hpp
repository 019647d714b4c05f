// Reads bits under given probabilities: the mirror of mallorn-pack/range_encoder.hpp
// (docs/format/structure.md, "Range coder").
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

class RangeDecoder {
 public:
  explicit RangeDecoder(ByteView coded) : coded_(coded) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next_byte();
  }

  // The next bit, when a one has probability p16 of 65536; `unused` is the encoder's
  // argument.
  uint32_t code(uint32_t p16, [[maybe_unused]] uint32_t unused) {
    const uint32_t bound = (range_ >> 16) * p16;
    // Without a branch, which nothing could predict.
    const bool bit = code_ < bound;
    range_ = bit ? bound : range_ - bound;
    code_ -= bit ? 0 : bound;
    normalize();
    return bit;
  }

  // The next `count` bits, 1 to 16, each as likely zero as one.
  uint32_t code_bits([[maybe_unused]] uint32_t unused, uint32_t count) {
    range_ >>= count;
    uint32_t bits = code_ / range_;
    if (bits >> count != 0) bits = (1u << count) - 1;  // damaged
    code_ -= bits * range_;
    normalize();
    return bits;
  }

  // True if so many bytes were made up that no encoder has written this: whatever more is
  // decoded, status() will refuse it.
  bool is_exhausted() const { return position_ > coded_.size() + kLookahead; }

  // Zeros stand for trailing bytes that the encoder dropped; more than a flush can leave
  // out means that the data does not end where the coding does.
  Status status() const {
    if (is_exhausted() || position_ < coded_.size()) return Status::corrupt_data;
    return Status::ok;
  }

 private:
  static constexpr size_t kLookahead = 8;

  void normalize() {
    while (range_ < (1u << 24)) {
      range_ <<= 8;
      code_ = code_ << 8 | next_byte();
    }
  }

  uint8_t next_byte() {
    const uint8_t byte = position_ < coded_.size() ? coded_[position_] : uint8_t{0};
    ++position_;
    return byte;
  }

  ByteView coded_;
  size_t position_ = 0;
  uint32_t code_ = 0;
  uint32_t range_ = 0xFFFFFFFFu;
};

}  // namespace mallorn::apply
