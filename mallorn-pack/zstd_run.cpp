#include "mallorn-pack/zstd_run.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "libcommon/error.hpp"

namespace mallorn::pack {
namespace {

constexpr int kWindowLog = 23;  // the most that a reader accepts (docs/format/patch.md)

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

std::optional<ZstdRunFile> compress_whole(const MappedFile& file, int level,
                                          uint64_t limit) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) throw Error(Status::out_of_memory, "zstd");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  ZstdRunFile run{make_temporary_file(), 0};
  std::vector<uint8_t> buffer(256 * 1024);
  const ByteView bytes = file.bytes();
  constexpr size_t kWindow = 1u << 20;
  size_t at = 0;
  for (bool is_finished = false; !is_finished;) {
    const size_t length = std::min(kWindow, bytes.size() - at);
    const bool is_last = at + length == bytes.size();
    ZSTD_inBuffer input{bytes.data() + at, length, 0};
    for (bool has_more = true; has_more;) {
      ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
      const size_t left = ZSTD_compressStream2(context.get(), &output, &input,
                                               is_last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) throw Error(Status::internal, "zstd");
      run.length_bytes += output.pos;
      if (run.length_bytes >= limit) return std::nullopt;
      write_full(run.fd.get(), ByteView(buffer).first(output.pos), "temporary file");
      is_finished = is_last && left == 0;
      has_more = is_last ? !is_finished : input.pos < input.size;
    }
    if (bytes.size() > 16 * kWindow) file.release(at, length);
    at += length;
  }
  return run;
}

}  // namespace mallorn::pack
