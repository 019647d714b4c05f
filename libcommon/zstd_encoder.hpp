// Codec 1, the entropy coder of codec 2's planes, and what the journal of an update in
// place keeps: zstd blocks without a frame header (docs/format/planes.md, section 2).
// Programs that use it depend on common_zstd_dep.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn {

// zstd's levels are no ladder: where hardly more than runs of a few bytes repeat, level 1
// may say in two thirds of the bytes what level 19 does. So who has a level tries these
// below it, too; together they take a small part of the time of slow ones.
inline constexpr std::array kZstdRungs = {1, 3, 9};

// Keeps zstd's working memory between calls. The order of calls may reach what they write;
// one encoder for each section makes that a function of the section.
class ZstdEncoder {
 public:
  ZstdEncoder();
  ~ZstdEncoder();
  ZstdEncoder(const ZstdEncoder&) = delete;
  ZstdEncoder& operator=(const ZstdEncoder&) = delete;

  // The coded form of `bytes`, empty if `bytes` is. `level` is zstd's, 1 to 19.
  // Throws Error(out_of_memory) if memory is short, and for nothing else.
  std::vector<uint8_t> encode(ByteView bytes, int level);

  // The smallest of what that makes at `level` and at those of kZstdRungs that are below it
  // and above `tried`.
  std::vector<uint8_t> encode_smallest(ByteView bytes, int level, int tried = 0);

  // The same without looking for matches: Huffman codes alone, renewed every 2^block_log
  // bytes (10 to 17). Faster than any level, and smaller where bytes are noise with a
  // distribution.
  std::vector<uint8_t> encode_frequencies(ByteView bytes, int block_log);

 private:
  struct Context;
  std::vector<uint8_t> run(ByteView bytes);
  std::unique_ptr<Context> context_;
};

std::vector<uint8_t> encode_zstd(ByteView result, int level);

}  // namespace mallorn
