// Decoder of codec 1, and of the planes of codec 2: zstd blocks without a frame header
// (docs/format/planes.md, section 2). The only file of mallorn-apply that includes zstd.h.
#pragma once

#include <memory>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// Keeps zstd's working memory, some 160 KB whatever the input says, between calls.
class ZstdDecoder {
 public:
  ZstdDecoder();
  ~ZstdDecoder();
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  // Fills `result` exactly, from all of `coded`. corrupt_data if that is not what `coded`
  // holds, and then `result` holds anything; out_of_memory if zstd gets no memory. Apart
  // from zstd's working memory, it allocates as many bytes as `coded` has, and two.
  Status decode(ByteView coded, ByteSpan result);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::vector<uint8_t> frame_;
};

Status decode_zstd(ByteView coded, ByteSpan result);

}  // namespace mallorn::apply
