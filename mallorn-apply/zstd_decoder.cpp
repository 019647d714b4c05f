// zstd is called for one frame in memory into memory: it then needs no window of its own,
// so that no input makes it allocate. The frame header is ours, not the input's; checksums,
// dictionaries, skippable frames and further frames cannot occur.
#include "mallorn-apply/zstd_decoder.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // frames without magic number
#include <zstd.h>

#include <algorithm>
#include <array>

#include "libcommon/core/byte_reader.hpp"

namespace mallorn::apply {
namespace {

// No magic number, no content size, no checksum, no dictionary; a window of 2^20 bytes.
constexpr std::array<uint8_t, 2> kFrameHeader = {0x00, 0x50};

// True if `coded` is a sequence of blocks of which only the last is marked so, none larger
// than the format allows. zstd itself would take what follows for a second frame, and some
// of its releases let large blocks of one repeated byte pass.
bool is_one_sequence(ByteView coded) {
  constexpr uint32_t kRle = 1;
  constexpr uint32_t kMaxBlockBytes = uint32_t{1} << 17;
  ByteReader reader(coded);
  bool is_last = false;
  while (!is_last && reader.ok()) {
    const uint32_t low = reader.u8();
    const uint32_t header = low | uint32_t{reader.u16()} << 8;
    is_last = (header & 1) != 0;
    const uint32_t size = header >> 3;
    if (size > kMaxBlockBytes) return false;
    reader.skip((header >> 1 & 3) == kRle ? 1 : size);
  }
  return reader.ok() && reader.at_end();
}

}  // namespace

struct ZstdDecoder::Context {
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
  ~Context() { ZSTD_freeDCtx(zstd); }
};

ZstdDecoder::ZstdDecoder() = default;
ZstdDecoder::~ZstdDecoder() = default;

Status ZstdDecoder::decode(ByteView coded, ByteSpan result) {
  if (coded.empty() && result.empty()) return Status::ok;
  if (coded.empty() || result.empty() || !is_one_sequence(coded))
    return Status::corrupt_data;
  if (context_ == nullptr) context_ = std::make_unique<Context>();
  ZSTD_DCtx* const zstd = context_->zstd;
  if (zstd == nullptr) return Status::out_of_memory;
  const size_t set = ZSTD_DCtx_setParameter(zstd, ZSTD_d_format, ZSTD_f_zstd1_magicless);
  if (ZSTD_isError(set) != 0) return Status::internal;

  frame_.resize(kFrameHeader.size() + coded.size());
  std::copy(kFrameHeader.begin(), kFrameHeader.end(), frame_.begin());
  std::copy(coded.begin(), coded.end(), frame_.begin() + kFrameHeader.size());
  const size_t size =
      ZSTD_decompressDCtx(zstd, result.data(), result.size(), frame_.data(), frame_.size());
  return size == result.size() ? Status::ok : Status::corrupt_data;
}

Status decode_zstd(ByteView coded, ByteSpan result) {
  return ZstdDecoder().decode(coded, result);
}

}  // namespace mallorn::apply
