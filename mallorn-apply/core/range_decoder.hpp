// Reads bits under given probabilities: the mirror of mallorn-pack/range_encoder.hpp
// (docs/format/structure.md, "Range coder").
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

class RangeDecoder {
 public:
  static constexpr bool kIsSmall = true;  // see Held

  explicit RangeDecoder(ByteView coded)
      : next_(coded.data()), end_(coded.data() + coded.size()) {
    for (int i = 0; i < 4; ++i) take_byte();
  }

  // The next bit, when a one has probability p16 of 65536; `unused` is the encoder's
  // argument.
  [[gnu::always_inline]] uint32_t code(uint32_t p16, [[maybe_unused]] uint32_t unused) {
    const uint32_t bound = (range_ >> 16) * p16;
    const bool bit = code_ < bound;
    if (bit) {
      range_ = bound;
    } else {
      range_ -= bound;
      code_ -= bound;
    }
    normalize();
    return bit;
  }

  // The same, for bits that nothing could foresee.
  [[gnu::always_inline]] uint32_t code_part(uint32_t p16,
                                            [[maybe_unused]] uint32_t unused) {
    const uint32_t bound = (range_ >> 16) * p16;
    uint32_t mask = 0u - static_cast<uint32_t>(code_ < bound);
    keep_from_branches(&mask);
    const uint32_t rest = range_ - bound;
    range_ = rest + (mask & (bound - rest));
    code_ -= bound & ~mask;
    normalize();
    return mask & 1u;
  }

  // The next `count` bits, 1 to 16, each as likely zero as one.
  [[gnu::always_inline]] uint32_t code_bits([[maybe_unused]] uint32_t unused,
                                            uint32_t count) {
    range_ >>= count;
    uint32_t bits = code_ / range_;
    if (bits >> count != 0) bits = (1u << count) - 1;  // damaged
    code_ -= bits * range_;
    normalize_far();
    return bits;
  }

  // Coded bytes that have not been read yet; it reads some three bytes ahead.
  size_t left() const { return static_cast<size_t>(end_ - next_); }

  // True if so many bytes were made up that no encoder has written this: whatever more is
  // decoded, status() will refuse it.
  bool is_exhausted() const { return made_up_ > kLookahead; }

  // Zeros stand for trailing bytes that the encoder dropped; more than a flush can leave
  // out means that the data does not end where the coding does.
  Status status() const {
    return is_exhausted() || next_ != end_ ? Status::corrupt_data : Status::ok;
  }

 private:
  static constexpr size_t kLookahead = 8;

  // Compilers take it for any number, and so cannot tell it by a branch.
  [[gnu::always_inline]] static void keep_from_branches(uint32_t* number) {
    asm("" : "+r"(*number));
  }

  [[gnu::always_inline]] void normalize() {
    while (range_ < (1u << 24)) {
      range_ <<= 8;
      take_byte();
    }
  }

  // The same where it is open whether there are none, one or two bytes to take.
  [[gnu::always_inline]] void normalize_far() {
    if (end_ - next_ < 2) return normalize();
    uint32_t bytes = static_cast<uint32_t>(range_ < (1u << 24)) +
                     static_cast<uint32_t>(range_ < (1u << 16));
    keep_from_branches(&bytes);
    const uint64_t all = uint64_t{code_} << 16 | load_be<uint16_t>(next_);
    code_ = static_cast<uint32_t>(all << (8 * bytes) >> 16);
    range_ <<= 8 * bytes;
    next_ += bytes;
  }

  [[gnu::always_inline]] void take_byte() {
    code_ <<= 8;
    if (next_ != end_) [[likely]] {
      code_ |= *next_++;
    } else {
      ++made_up_;
    }
  }

  const uint8_t* next_;
  const uint8_t* end_;
  size_t made_up_ = 0;  // zeros behind the end
  uint32_t code_ = 0;
  uint32_t range_ = 0xFFFFFFFFu;
};

}  // namespace mallorn::apply
