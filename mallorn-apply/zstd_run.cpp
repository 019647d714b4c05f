#include "mallorn-apply/zstd_run.hpp"

#include <zstd.h>

#include <array>

namespace mallorn::apply {

namespace {

// Of the one format that is read; zstd itself would also take legacy and skippable frames.
constexpr std::array<uint8_t, 4> kMagic = {0x28, 0xB5, 0x2F, 0xFD};
constexpr int kMaxWindowLog = 23;  // docs/format/patch.md: 8 MiB, which bounds the memory

}  // namespace

struct ZstdRun::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::array<uint8_t, 128 * 1024> buffer;
  size_t magic_seen = 0;
  bool is_finished = false;
  ~State() { ZSTD_freeDCtx(context); }
};

ZstdRun::ZstdRun() = default;
ZstdRun::~ZstdRun() = default;

bool ZstdRun::is_finished() const { return state_ && state_->is_finished; }

Status ZstdRun::feed(ByteView coded, const std::function<void(ByteView)>& take) {
  if (!state_) {
    state_ = std::make_unique<State>();
    if (state_->context == nullptr) return Status::out_of_memory;
    ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  for (size_t i = 0; i < coded.size() && state_->magic_seen < kMagic.size(); ++i) {
    if (coded[i] != kMagic[state_->magic_seen++]) return Status::corrupt_data;
  }
  ZSTD_inBuffer input{coded.data(), coded.size(), 0};
  for (;;) {
    if (state_->is_finished) {
      return input.pos == input.size ? Status::ok : Status::corrupt_data;
    }
    ZSTD_outBuffer output{state_->buffer.data(), state_->buffer.size(), 0};
    const size_t result = ZSTD_decompressStream(state_->context, &output, &input);
    if (ZSTD_isError(result) != 0) return Status::corrupt_data;
    if (output.pos > 0) take(ByteView(state_->buffer).first(output.pos));
    state_->is_finished = result == 0;
    const bool is_drained = input.pos == input.size && output.pos < output.size;
    if (is_drained && !state_->is_finished) return Status::ok;
  }
}

}  // namespace mallorn::apply
