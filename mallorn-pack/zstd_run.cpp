#include "mallorn-pack/zstd_run.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "libcommon/error.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-pack/pack_options.hpp"

namespace mallorn::pack {
namespace {

constexpr int kWindowLog = 23;  // the most that a reader accepts (docs/format/patch.md)
constexpr size_t kPiece = 1u << 20;

constexpr uint64_t kSmallFile = 4u << 20;

// A fast pass tells whether a thorough one is worth its time: none of those was ever seen
// to be this many times smaller than the fast one.
constexpr uint64_t kBestGain = 4;
constexpr int kFirstLevel = 1;

// Of a large file a few pieces tell that it is far from so small.
constexpr uint64_t kLargeFile = 16u << 20;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

Context make_context(int level) {
  Context context(ZSTD_createCCtx());
  if (!context) throw Error(Status::out_of_memory, "zstd");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  // Repetitions that are far apart are to be found by the fast pass, too.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_enableLongDistanceMatching, 1);
  return context;
}

// One pass over `file`, written to `to` unless that is null; its length, or nothing as soon
// as that reaches `limit`.
std::optional<uint64_t> compress(const MappedFile& file, int level, uint64_t limit,
                                 const Fd* to) {
  const Context context = make_context(level);
  std::vector<uint8_t> buffer(256 * 1024);
  const ByteView bytes = file.bytes();
  uint64_t length = 0;
  size_t at = 0;
  for (bool is_finished = false; !is_finished;) {
    const size_t piece = std::min(kPiece, bytes.size() - at);
    const bool is_last = at + piece == bytes.size();
    ZSTD_inBuffer input{bytes.data() + at, piece, 0};
    for (bool has_more = true; has_more;) {
      ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
      const size_t left = ZSTD_compressStream2(context.get(), &output, &input,
                                               is_last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) throw Error(Status::internal, "zstd");
      length += output.pos;
      if (length >= limit) return std::nullopt;
      if (to != nullptr) {
        write_full(to->get(), ByteView(buffer).first(output.pos), temporary_file_name());
      }
      is_finished = is_last && left == 0;
      has_more = is_last ? !is_finished : input.pos < input.size;
    }
    if (bytes.size() > 16 * kPiece) file.release(at, piece);
    at += piece;
  }
  return length;
}

// Whether less than `limit` may come out, by a sixteenth of the file and with a margin: it
// has not been seen that a thorough pass saves a third of what a quick one leaves.
bool may_fit(const MappedFile& file, uint64_t limit) {
  constexpr size_t kSample = 256 * 1024;
  constexpr size_t kOneIn = 16;
  const ByteView bytes = file.bytes();
  uint64_t coded = 0;
  for (size_t at = 0; at + kSample <= bytes.size(); at += kOneIn * kSample) {
    coded += encode_zstd(bytes.subspan(at, kSample), kFirstLevel).size();
    file.release(at, kSample);
  }
  return coded * kOneIn / 3 * 2 < limit;
}

}  // namespace

std::optional<Fd> compress_whole(const MappedFile& file, int level, uint64_t limit) {
  const uint64_t size = file.bytes().size();
  const bool is_small = size <= kSmallFile;
  if (level <= kFastLevel && size > kLargeFile && !may_fit(file, limit))
    return std::nullopt;
  uint64_t first_bytes = 0;  // 0: not known
  if (level > kFastLevel) {
    const auto first = compress(file, kFirstLevel, kBestGain * limit, nullptr);
    if (!first) return std::nullopt;
    first_bytes = *first;
    // Text is worth all that can be done in a few seconds; of weights nothing more is
    // found.
    if (is_small && first_bytes <= size / 2) level = kMaxLevel;
  }
  std::optional<Fd> best;
  const auto offer = [&](int tried) {
    Fd to = make_temporary_file();
    const auto length = compress(file, tried, limit, &to);
    if (!length) return;
    limit = *length;
    best = std::move(to);
  };
  offer(level);
  for (const int rung : kZstdRungs) {
    if (rung == kFirstLevel && first_bytes >= limit) continue;
    if (rung < level && (is_small || level > kFastLevel)) offer(rung);
  }
  return best;
}

}  // namespace mallorn::pack
