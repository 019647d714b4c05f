// Writes tokens and raw bits: the mirror of mallorn-apply/core/token_reader.hpp and
// raw_bits.hpp (docs/format/tokens.md, "Tokens").
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/token_model.hpp"
#include "mallorn-pack/range_encoder.hpp"

namespace mallorn::pack {

// The tokens of one stream, each with its context.
class TokenList {
 public:
  TokenList(const TokenStream& stream, size_t count)
      : stream_(stream), counts_(stream.contexts), contexts_(count), tokens_(count) {}

  // The next token; to be called `count` times.
  void add(uint8_t context, uint8_t token) {
    contexts_[size_] = context;
    tokens_[size_] = token;
    ++size_;
    ++counts_[context][token];
  }

  const TokenStream& stream() const { return stream_; }
  size_t size() const { return size_; }
  uint8_t context(size_t i) const { return contexts_[i]; }
  uint8_t token(size_t i) const { return tokens_[i]; }

  // Of all contexts, each about in proportion to how often its tokens come; 0 for contexts
  // that have none.
  std::vector<Frequencies> frequencies() const;
  // Bits that the tokens will take, roughly.
  uint64_t cost() const;

 private:
  TokenStream stream_;
  std::vector<std::array<uint32_t, kMaxTokens>> counts_;  // by context
  std::vector<uint8_t> contexts_;
  std::vector<uint8_t> tokens_;
  size_t size_ = 0;
};

// Bits that are as they are.
class RawBitWriter {
 public:
  // The lowest `count` bits, at most 32; those above must be zero.
  void add(uint32_t bits, uint32_t count) {
    pending_ |= uint64_t{bits} << pending_bits_;
    pending_bits_ += count;
    if (pending_bits_ >= 32) flush_word();
  }

  uint64_t bits() const { return 8 * size_ + pending_bits_; }
  std::vector<uint8_t> finish() {
    const size_t size = size_ + (pending_bits_ + 7) / 8;
    flush_word();
    bytes_.resize(size);
    return std::move(bytes_);
  }

 private:
  void flush_word() {
    if (bytes_.size() < size_ + 4) bytes_.resize(2 * size_ + 4096);
    store_le(bytes_.data() + size_, static_cast<uint32_t>(pending_));
    size_ += 4;
    pending_ >>= 32;
    pending_bits_ -= 32;
  }

  std::vector<uint8_t> bytes_;  // of which `size_` are in use
  size_t size_ = 0;
  uint64_t pending_ = 0;
  uint32_t pending_bits_ = 0;
};

// States and words of `lists`, one after the other; `frequencies` are those of each.
std::vector<uint8_t> write_tokens(const std::vector<TokenList>& lists,
                                  const std::vector<std::vector<Frequencies>>& frequencies);

}  // namespace mallorn::pack
