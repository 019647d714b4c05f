// Writes tokens and raw bits: the mirror of mallorn-apply/core/token_reader.hpp and
// raw_bits.hpp (docs/format/tokens.md, "Tokens").
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/token_model.hpp"

namespace mallorn::pack {

// A token in its context.
constexpr uint16_t placed(uint32_t context, uint32_t token) {
  return static_cast<uint16_t>(context * kMaxTokens + token);
}

// The tokens of one stream.
class TokenList {
 public:
  TokenList(const TokenStream& stream, size_t count)
      : stream_(stream), tokens_(std::make_unique_for_overwrite<uint16_t[]>(count)) {}

  // The next token; `count` of them are to be added.
  void add(uint8_t context, uint8_t token) { *add(1) = placed(context, token); }
  // The next `count` tokens, which the caller makes by placed().
  uint16_t* add(size_t count) {
    size_ += count;
    return tokens_.get() + size_ - count;
  }

  uint16_t* begin() { return tokens_.get(); }
  // Leaves the first `count` of them.
  void shorten(size_t count) { size_ = count; }

  const TokenStream& stream() const { return stream_; }
  size_t size() const { return size_; }
  uint16_t operator[](size_t i) const { return tokens_[i]; }

  // Of all contexts, each about in proportion to how often its tokens come; 0 for contexts
  // that have none. Once they are asked for, no tokens are added.
  std::vector<Frequencies> frequencies();
  // Bits that the tokens will take, roughly; the same holds.
  uint64_t cost();

 private:
  using Counts = std::array<uint32_t, kMaxTokens>;
  const std::vector<Counts>& counts();  // by context

  TokenStream stream_;
  std::unique_ptr<uint16_t[]> tokens_;
  size_t size_ = 0;
  std::vector<Counts> counts_;  // none: not yet counted
};

// Bits that are as they are: the lowest `count`, at most 56; those above are zero.
struct RawBits {
  uint64_t bits;
  uint32_t count;
};

class RawBitWriter {
 public:
  void add(uint32_t bits, uint32_t count) {
    add_each(1, [&](size_t) { return RawBits{bits, count}; });
  }

  // The same of each(0) to each(count - 1).
  template <typename Each>
  void add_each(size_t count, const Each& each) {
    reserve(sizeof(uint64_t) * (count + 1));
    uint8_t* to = bytes_.get() + size_;
    uint64_t pending = pending_;
    uint32_t pending_bits = pending_bits_;
    for (size_t i = 0; i < count; ++i) {
      const RawBits raw = each(i);
      pending |= raw.bits << pending_bits;
      pending_bits += raw.count;
      store_le(to, pending);
      to += pending_bits / 8;
      pending >>= pending_bits / 8 * 8;
      pending_bits %= 8;
    }
    size_ = static_cast<size_t>(to - bytes_.get());
    pending_ = pending;
    pending_bits_ = pending_bits;
  }

  // Those of another one.
  void append(const RawBitWriter& other) {
    const ByteView bytes = other.finished();
    const auto whole = static_cast<size_t>(other.bits() / 8);
    add_each(whole, [&](size_t i) { return RawBits{bytes[i], 8}; });
    if (whole < bytes.size()) add(bytes[whole], other.pending_bits_);
  }

  uint64_t bits() const { return 8 * size_ + pending_bits_; }
  // All so far, filled up with zeros to a byte.
  ByteView finished() const { return {bytes_.get(), size_ + (pending_bits_ + 7) / 8}; }

 private:
  // Room for `count` more bytes.
  void reserve(size_t count) {
    if (size_ + count <= room_) return;
    room_ = 2 * (size_ + count);
    auto bytes = std::make_unique_for_overwrite<uint8_t[]>(room_);
    std::copy_n(bytes_.get(), size_ + (pending_bits_ + 7) / 8, bytes.get());
    bytes_ = std::move(bytes);
  }

  std::unique_ptr<uint8_t[]> bytes_;  // of which `size_` are in use, and the pending ones
  size_t room_ = 0;
  size_t size_ = 0;
  uint64_t pending_ = 0;
  uint32_t pending_bits_ = 0;  // below 8
};

// States and words of `lists`, one after the other; `frequencies` are those of each.
std::vector<uint8_t> write_tokens(const std::vector<TokenList>& lists,
                                  const std::vector<std::vector<Frequencies>>& frequencies);

}  // namespace mallorn::pack
