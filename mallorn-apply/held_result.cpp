#include "mallorn-apply/held_result.hpp"

#include <algorithm>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kWindowBytes = 1u << 20;

}  // namespace

HeldResult::HeldResult(Output* output)
    : output_(output != nullptr && output->is_resumable() ? output : nullptr),
      length_(output_ != nullptr ? output_->held_bytes() : 0),
      window_(length_ != 0 ? kWindowBytes : 0) {}

bool HeldResult::holds(const ChunkJob& job) {
  if (job.result_bytes == 0 || !range_fits(job.result_offset, job.result_bytes, length_)) {
    return false;
  }
  ByteReader head(job.record);
  (void)head.varint();  // result_bytes
  (void)head.varint();  // coded_bytes
  const uint32_t check = head.u32();
  uint32_t found = 0;
  give(job, [&](ByteView bytes) { found = fast_crc32c(found, bytes); });
  return head.ok() && found == check;
}

void HeldResult::give(const ChunkJob& job, const std::function<void(ByteView)>& take) {
  for (uint64_t done = 0; done < job.result_bytes;) {
    const auto length =
        static_cast<size_t>(std::min<uint64_t>(window_.size(), job.result_bytes - done));
    const ByteSpan to = ByteSpan(window_).first(length);
    if (output_->read_held(job.result_offset + done, to) < length) {
      throw Error(Status::io, output_->name() + ": became shorter while it was read");
    }
    take(to);
    done += length;
  }
}

void HeldResult::go_on_at(uint64_t offset) {
  if (output_ != nullptr) output_->go_on_at(offset);
}

}  // namespace mallorn::apply
