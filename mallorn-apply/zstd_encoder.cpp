#include "mallorn-apply/zstd_encoder.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // frames without magic number
#include <zstd.h>

#include <string>

#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

constexpr int kWindowLog = 18;     // a record's; less than decoders assume
constexpr int kBlockLog = 16;      // Huffman codes are renewed that often
constexpr int kNoMatches = -1000;  // looks so seldom that it finds none
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
};

ZstdEncoder::ZstdEncoder() : context_(std::make_unique<Context>()) {}
ZstdEncoder::~ZstdEncoder() = default;

std::vector<uint8_t> ZstdEncoder::encode(ByteView bytes, Effort effort) {
  Context& context = *context_;
  const bool has_matches = effort == Effort::matches;
  check(ZSTD_CCtx_reset(context.zstd, ZSTD_reset_session_and_parameters));
  context.set(ZSTD_c_format, ZSTD_f_zstd1_magicless);
  context.set(ZSTD_c_contentSizeFlag, 0);
  context.set(ZSTD_c_checksumFlag, 0);
  context.set(ZSTD_c_compressionLevel, has_matches ? 1 : kNoMatches);
  context.set(ZSTD_c_windowLog, has_matches ? kWindowLog : kBlockLog);
  if (!has_matches) context.set(ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  std::vector<uint8_t>& frame = context.frame;
  frame.resize(std::max(frame.size(), ZSTD_compressBound(bytes.size())));
  const size_t size = check(
      ZSTD_compress2(context.zstd, frame.data(), frame.size(), bytes.data(), bytes.size()));
  return {frame.data() + kFrameHeaderBytes, frame.data() + size};
}

}  // namespace mallorn::apply
