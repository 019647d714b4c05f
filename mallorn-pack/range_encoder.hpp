// Writes bits under given probabilities: a binary range coder with carry
// (docs/format/structure.md, "Range coder"). Its mirror is
// mallorn-apply/core/range_decoder.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libcommon/core/symbol_model.hpp"

namespace mallorn::pack {

class RangeEncoder {
 public:
  explicit RangeEncoder(std::vector<uint8_t>& out) : out_(out), start_(out.size()) {}

  // Codes `bit` when a one has probability p16 of 65536, 0 < p16 < 65536.
  uint32_t code(uint32_t p16, uint32_t bit) {
    return code_below((range_ >> 16) * p16, bit);
  }

  // The same with a finer probability, of 2^22.
  uint32_t code_fine(uint32_t p22, uint32_t bit) {
    return code_below((range_ >> 22) * p22, bit);
  }

  // Codes one of sixteen symbols; `bounds` are those of a SymbolModel.
  uint32_t code_symbol(const SymbolModel::Bounds& bounds, uint32_t symbol,
                       [[maybe_unused]] bool foresees_first) {
    const uint64_t unit = range_ >> SymbolModel::kTotalBits;
    const uint64_t below = unit * bounds[symbol];
    low_ += below;
    if (low_ < below) carry();
    range_ = unit * static_cast<uint32_t>(bounds[symbol + 1] - bounds[symbol]);
    normalize();
    return symbol;
  }

  // Codes the lowest `count` bits, up to 32, as they are: apart from all others, so that a
  // decoder has them at once.
  uint32_t code_bits(uint32_t bits, uint32_t count) {
    held_ = held_ << count | bits;
    for (held_bits_ += count; held_bits_ >= 8;) {
      held_bits_ -= 8;
      raw_.push_back(static_cast<uint8_t>(held_ >> held_bits_));
    }
    return bits;
  }

  // So far, but for what is held back.
  size_t bytes() const { return out_.size() - start_ + raw_.size(); }

  // Writes what is left, and the bits as they are, which are read from the end on. If a
  // decoder supplies zeros after the end, trailing zeros can be dropped.
  void finish() {
    if (held_bits_ > 0) code_bits(0, 8 - held_bits_);
    put_tail(raw_.empty());
    out_.insert(out_.end(), raw_.rbegin(), raw_.rend());
  }

 private:
  static constexpr uint32_t kStateBytes = 8;

  // The part of the range below `bound` stands for a one.
  uint32_t code_below(uint64_t bound, uint32_t bit) {
    if (bit != 0) {
      range_ = bound;
    } else {
      low_ += bound;
      if (low_ < bound) carry();
      range_ -= bound;
    }
    normalize();
    return bit;
  }

  void normalize() {
    if (range_ >> 32 != 0) return;
    put_bytes(low_, 4);
    low_ <<= 32;
    range_ <<= 32;
  }

  // The fewest bytes that lie within the range, whatever follows them; or if zeros do.
  void put_tail(bool zeros_follow) {
    for (uint32_t bytes = 0; bytes <= kStateBytes; ++bytes) {
      // What is left open behind these bytes, at most.
      const uint64_t open = bytes == kStateBytes ? 0 : UINT64_MAX >> (8 * bytes);
      const uint64_t tail = (low_ + open) & ~open;  // modulo 2^64
      const uint64_t above = tail - low_;
      const uint64_t most = zeros_follow ? 0 : open;
      if (above >= range_ || range_ - above <= most) continue;
      if (tail < low_) carry();
      return put_bytes(tail, bytes);
    }
  }

  // The highest `count` bytes of a number.
  void put_bytes(uint64_t number, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      out_.push_back(static_cast<uint8_t>(number >> (56 - 8 * i)));
    }
  }

  // What was written is below one, so there is a byte that takes it.
  void carry() {
    for (size_t at = out_.size(); at-- > start_ && ++out_[at] == 0;) {
    }
  }

  std::vector<uint8_t>& out_;
  size_t start_;
  uint64_t low_ = 0;
  uint64_t range_ = UINT64_MAX;
  std::vector<uint8_t> raw_;
  uint64_t held_ = 0;  // bits for raw_, lowest
  uint32_t held_bits_ = 0;
};

}  // namespace mallorn::pack
