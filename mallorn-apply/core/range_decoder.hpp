// Reads bits under given probabilities: the mirror of mallorn-pack/range_encoder.hpp
// (docs/format/structure.md, "Range coder").
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/core/symbol_model.hpp"

namespace mallorn::apply {

class RangeDecoder {
 public:
  static constexpr bool kIsSmall = true;  // see Held

  explicit RangeDecoder(ByteView coded)
      : next_(coded.data()),
        begin_(coded.data()),
        end_(coded.data() + coded.size()),
        raw_whole_bits_(coded.size() < 8 ? 0 : 8 * (coded.size() - 7)) {
    for (int i = 0; i < 2; ++i) take_word();
  }

  // The next bit, when a one has probability p16 of 65536; `unused` is the encoder's
  // argument.
  [[gnu::always_inline]] uint32_t code(uint32_t p16, [[maybe_unused]] uint32_t unused) {
    return code_below((range_ >> 16) * p16);
  }

  // The same with a finer probability, of 2^22.
  [[gnu::always_inline]] uint32_t code_fine(uint32_t p22,
                                            [[maybe_unused]] uint32_t unused) {
    return code_below((range_ >> 22) * p22);
  }

  // The same, for bits that nothing could foresee: in as few instructions as there can be,
  // none of them a branch on the bit.
  [[gnu::always_inline]] uint32_t code_part(uint32_t p16,
                                            [[maybe_unused]] uint32_t unused) {
    const uint64_t bound = (range_ >> 16) * p16;
#if defined(__x86_64__) && defined(__GNUC__)
    uint64_t range = range_ - bound;
    uint64_t code = code_;
    uint32_t mask;
    asm("sub %[bound], %[code]\n\t"
        "cmovc %[bound], %[range]\n\t"
        "cmovc %[before], %[code]\n\t"
        "sbb %[mask], %[mask]"
        : [code] "+&r"(code), [range] "+&r"(range), [mask] "=&r"(mask)
        : [bound] "r"(bound), [before] "r"(code_)
        : "cc");
    range_ = range;
    code_ = code;
    normalize();
    return 0u - mask;
#else
    uint64_t mask = 0u - static_cast<uint64_t>(code_ < bound);
    keep_from_branches(&mask);
    const uint64_t rest = range_ - bound;
    range_ = rest + (mask & (bound - rest));
    code_ -= bound & ~mask;
    normalize();
    return static_cast<uint32_t>(mask) & 1u;
#endif
  }

  // The next of sixteen symbols; `bounds` are those of a SymbolModel. Where it nearly
  // always is the first one, a branch foresees it, and what follows waits for no division.
  [[gnu::always_inline]] uint32_t code_symbol(const SymbolModel::Bounds& bounds,
                                              [[maybe_unused]] uint32_t unused,
                                              bool foresees_first) {
    const uint64_t unit = range_ >> SymbolModel::kTotalBits;
    if (foresees_first) {
      const uint64_t bound = unit * bounds[1];
      if (code_ < bound) {
        range_ = bound;
        normalize();
        return 0;
      }
    }
    // Bytes that no encoder made may tell more than there is.
    const uint64_t told = code_ / unit;
    const uint64_t number = told < SymbolModel::kTotal ? told : SymbolModel::kTotal - 1;
    const uint32_t symbol = SymbolModel::find(bounds, static_cast<int16_t>(number));
    code_ -= unit * bounds[symbol];
    range_ = unit * static_cast<uint32_t>(bounds[symbol + 1] - bounds[symbol]);
    normalize();
    return symbol;
  }

  // The next `count` bits, up to 32, which are as they are: from the end of the data on.
  [[gnu::always_inline]] uint32_t code_bits([[maybe_unused]] uint32_t unused,
                                            uint32_t count) {
    uint64_t word = 0;
    if (raw_bits_ < raw_whole_bits_) [[likely]] {
      word = load_le<uint64_t>(end_ - 8 - raw_bits_ / 8);
    } else {
      word = last_bytes(begin_, end_, raw_bits_ / 8);
    }
    word <<= raw_bits_ % 8;
    raw_bits_ += count;
    return static_cast<uint32_t>(word >> 1 >> (63 - count));
  }

  // Coded bytes but for those that RangeEncoder::bytes() told when it was here.
  size_t left() const {
    const auto size = static_cast<size_t>(end_ - begin_);
    const size_t read = static_cast<size_t>(next_ - begin_) + made_up_;
    const size_t told = read - kLookahead + raw_bits_ / 8;
    return told < size ? size - told : 0;
  }

  // True if so many bytes were made up that no encoder has written this: whatever more is
  // decoded, status() will refuse it.
  bool is_exhausted() const {
    return made_up_ > kLookahead || raw_bytes() > static_cast<size_t>(end_ - begin_);
  }

  // What lies behind the last bytes of the range coder, raw bits or zeros that stand for
  // nothing, is read as if it were more of them. More of that than a flush can leave out
  // means that the data does not end where the coding does; less, that there is more data.
  Status status() const {
    const auto size = static_cast<size_t>(end_ - begin_);
    if (is_exhausted()) return Status::corrupt_data;
    const size_t ranged = size - raw_bytes();
    const size_t read = static_cast<size_t>(next_ - begin_) + made_up_;
    return ranged <= read && read <= ranged + kLookahead ? Status::ok
                                                         : Status::corrupt_data;
  }

 private:
  static constexpr size_t kLookahead = 8;

  size_t raw_bytes() const { return (raw_bits_ + 7) / 8; }

  // The part of the range below `bound` stands for a one.
  [[gnu::always_inline]] uint32_t code_below(uint64_t bound) {
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

  // Compilers take it for any number, and so cannot tell it by a branch.
  template <typename Number>
  [[gnu::always_inline]] static void keep_from_branches(Number* number) {
    asm("" : "+r"(*number));
  }

  [[gnu::always_inline]] void normalize() {
    if (range_ >> 32 == 0) [[unlikely]] {
      range_ <<= 32;
      take_word();
    }
  }

  [[gnu::always_inline]] void take_word() {
    const auto left = static_cast<size_t>(end_ - next_);
    if (left >= 4) [[likely]] {
      code_ = code_ << 32 | load_be<uint32_t>(next_);
      next_ += 4;
    } else {
      code_ = code_ << 32 | last_word(next_, left);
      next_ = end_;
      made_up_ += 4 - left;
    }
  }

  // Near the ends. They are given what they need: called on the coder itself, they would
  // keep it in memory.
  [[gnu::noinline]] static uint32_t last_word(const uint8_t* next, size_t left) {
    uint32_t word = 0;
    for (size_t i = 0; i < 4; ++i) word = word << 8 | (i < left ? next[i] : 0u);
    return word;
  }
  [[gnu::noinline]] static uint64_t last_bytes(const uint8_t* begin, const uint8_t* end,
                                               size_t byte) {
    uint64_t word = 0;
    const auto size = static_cast<size_t>(end - begin);
    for (size_t i = byte; i < size && i < byte + 8; ++i) {
      word |= uint64_t{*(end - 1 - i)} << (56 - 8 * (i - byte));
    }
    return word;
  }

  const uint8_t* next_;
  const uint8_t* begin_;
  const uint8_t* end_;
  size_t raw_bits_ = 0;    // that were read, from the end on
  size_t raw_whole_bits_;  // of which eight bytes can be loaded
  size_t made_up_ = 0;     // zeros behind the end
  uint64_t code_ = 0;
  uint64_t range_ = ~uint64_t{0};
};

}  // namespace mallorn::apply
