#include "mallorn-apply/zstd_run.hpp"

#include <zstd.h>

#include <array>

namespace mallorn::apply {

namespace {

// Of the one format that is read; zstd itself would also take legacy and skippable frames.
constexpr std::array<uint8_t, 4> kMagic = {0x28, 0xB5, 0x2F, 0xFD};
constexpr int kMaxWindowLog = 23;  // docs/format/patch.md: 8 MiB, which bounds the memory
constexpr size_t kMaxHeadBytes = 18;  // RFC 8878, 3.1.1: magic and frame header

}  // namespace

struct ZstdRun::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::array<uint8_t, 128 * 1024> buffer;
  std::array<uint8_t, kMaxHeadBytes> head{};
  size_t head_seen = 0;
  uint64_t made = 0;
  bool is_finished = false;
  ~State() { ZSTD_freeDCtx(context); }

  // Keeps the first bytes; false if they are of no frame.
  bool see(ByteView coded) {
    for (size_t i = 0; i < coded.size() && head_seen < head.size(); ++i) {
      if (head_seen < kMagic.size() && coded[i] != kMagic[head_seen]) return false;
      head[head_seen++] = coded[i];
    }
    return true;
  }

  // zstd does not look at it where the last block has no bytes.
  bool has_stated_length() const {
    const unsigned long long stated = ZSTD_getFrameContentSize(head.data(), head_seen);
    return stated == ZSTD_CONTENTSIZE_UNKNOWN || stated == made;
  }
};

ZstdRun::ZstdRun() = default;
ZstdRun::~ZstdRun() = default;

bool ZstdRun::is_finished() const { return state_ && state_->is_finished; }

// The first byte goes on its own: of a frame that it sees whole zstd refuses other things.
Status ZstdRun::feed(ByteView coded, const std::function<void(ByteView)>& take) {
  if (coded.empty()) return Status::ok;
  if (!state_) {
    state_ = std::make_unique<State>();
    if (state_->context == nullptr) return Status::out_of_memory;
    ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kMaxWindowLog);
    if (const Status status = decode(coded.first(1), take); status != Status::ok) {
      return status;
    }
    coded = coded.subspan(1);
  }
  return decode(coded, take);
}

Status ZstdRun::decode(ByteView coded, const std::function<void(ByteView)>& take) {
  if (!state_->see(coded)) return Status::corrupt_data;
  ZSTD_inBuffer input{coded.data(), coded.size(), 0};
  for (;;) {
    if (state_->is_finished) {
      return input.pos == input.size ? Status::ok : Status::corrupt_data;
    }
    ZSTD_outBuffer output{state_->buffer.data(), state_->buffer.size(), 0};
    const size_t result = ZSTD_decompressStream(state_->context, &output, &input);
    if (ZSTD_isError(result) != 0) return Status::corrupt_data;
    if (output.pos > 0) take(ByteView(state_->buffer).first(output.pos));
    state_->made += output.pos;
    state_->is_finished = result == 0;
    if (state_->is_finished && !state_->has_stated_length()) return Status::corrupt_data;
    const bool is_drained = input.pos == input.size && output.pos < output.size;
    if (is_drained && !state_->is_finished) return Status::ok;
  }
}

}  // namespace mallorn::apply
