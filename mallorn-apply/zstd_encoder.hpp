// Zstd for what the journal of an update in place keeps: blocks without a frame header, as
// zstd_decoder.hpp reads them.
#pragma once

#include <memory>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn::apply {

// Keeps zstd's working memory between calls.
class ZstdEncoder {
 public:
  enum class Effort {
    matches,      // zstd's level 1
    frequencies,  // Huffman codes alone: faster, and smaller for noise
  };

  ZstdEncoder();
  ~ZstdEncoder();
  ZstdEncoder(const ZstdEncoder&) = delete;
  ZstdEncoder& operator=(const ZstdEncoder&) = delete;

  // `bytes` are one at least. Throws Error(out_of_memory) if memory is short, and for
  // nothing else.
  std::vector<uint8_t> encode(ByteView bytes, Effort effort);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace mallorn::apply
