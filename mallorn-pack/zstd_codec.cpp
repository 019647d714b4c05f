#include "mallorn-pack/zstd_codec.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // frames without magic number
#include <zstd.h>

#include <string>

#include "libcommon/error.hpp"

namespace mallorn::pack {
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
  // A context of its own for each call: zstd does not promise that one that was used before
  // finds the same matches. The memory goes back to the allocator, which is cheap enough.
  ZSTD_CCtx* zstd = nullptr;
  ~Context() { ZSTD_freeCCtx(zstd); }
};

ZstdEncoder::ZstdEncoder() : context_(std::make_unique<Context>()) {}
ZstdEncoder::~ZstdEncoder() = default;

std::vector<uint8_t> ZstdEncoder::encode(ByteView bytes, int level) {
  if (bytes.empty()) return {};
  if (context_->zstd == nullptr) context_->zstd = ZSTD_createCCtx();
  ZSTD_CCtx* const zstd = context_->zstd;
  if (zstd == nullptr) throw Error(Status::out_of_memory, "zstd: no memory");
  check(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters));
  check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_format, ZSTD_f_zstd1_magicless));
  check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level));
  check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, kWindowLog));
  check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0));
  check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 0));

  std::vector<uint8_t> coded(ZSTD_compressBound(bytes.size()));
  coded.resize(
      check(ZSTD_compress2(zstd, coded.data(), coded.size(), bytes.data(), bytes.size())));
  coded.erase(coded.begin(), coded.begin() + kFrameHeaderBytes);
  return coded;
}

std::vector<uint8_t> encode_zstd(ByteView result, int level) {
  return ZstdEncoder().encode(result, level);
}

}  // namespace mallorn::pack
