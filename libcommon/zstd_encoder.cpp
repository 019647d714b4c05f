#include "libcommon/zstd_encoder.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // frames without magic number
#include <zstd.h>

#include <algorithm>
#include <string>

#include "libcommon/error.hpp"

namespace mallorn {
namespace {

constexpr int kWindowLog = 20;  // the window that decoders assume
constexpr size_t kFrameHeaderBytes = 2;

size_t check(size_t code) {
  if (ZSTD_isError(code) != 0) {
    throw Error(Status::out_of_memory, std::string("zstd: ") + ZSTD_getErrorName(code));
  }
  return code;
}

}  // namespace

struct ZstdEncoder::Context {
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  std::vector<uint8_t> frame;  // room for what zstd writes; never shrinks
  Context() {
    if (zstd == nullptr) throw Error(Status::out_of_memory, "zstd: no memory");
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ZSTD_freeCCtx(zstd); }

  void set(ZSTD_cParameter parameter, int value) {
    check(ZSTD_CCtx_setParameter(zstd, parameter, value));
  }

  void reset(int level, int window_log) {
    check(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters));
    set(ZSTD_c_format, ZSTD_f_zstd1_magicless);
    set(ZSTD_c_contentSizeFlag, 0);
    set(ZSTD_c_checksumFlag, 0);
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_windowLog, window_log);
  }
};

ZstdEncoder::ZstdEncoder() : context_(std::make_unique<Context>()) {}
ZstdEncoder::~ZstdEncoder() = default;

std::vector<uint8_t> ZstdEncoder::encode(ByteView bytes, int level) {
  if (bytes.empty()) return {};
  context_->reset(level, kWindowLog);
  return run(bytes);
}

std::vector<uint8_t> ZstdEncoder::encode_smallest(ByteView bytes, int level, int tried) {
  std::vector<uint8_t> best = encode(bytes, level);
  for (const int rung : kZstdRungs) {
    if (rung <= tried || rung >= level) continue;
    std::vector<uint8_t> other = encode(bytes, rung);
    if (other.size() < best.size()) best = std::move(other);
  }
  return best;
}

std::vector<uint8_t> ZstdEncoder::encode_frequencies(ByteView bytes, int block_log) {
  // A negative level steps over so many bytes between two looks that there is no match to
  // speak of; the window bounds the size of blocks.
  constexpr int kNoMatches = -1000;
  if (bytes.empty()) return {};
  context_->reset(kNoMatches, block_log);
  context_->set(ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  return run(bytes);
}

std::vector<uint8_t> ZstdEncoder::run(ByteView bytes) {
  std::vector<uint8_t>& frame = context_->frame;
  frame.resize(std::max(frame.size(), ZSTD_compressBound(bytes.size())));
  const size_t size = check(ZSTD_compress2(context_->zstd, frame.data(), frame.size(),
                                           bytes.data(), bytes.size()));
  return {frame.data() + kFrameHeaderBytes, frame.data() + size};
}

std::vector<uint8_t> encode_zstd(ByteView result, int level) {
  return ZstdEncoder().encode(result, level);
}

}  // namespace mallorn
