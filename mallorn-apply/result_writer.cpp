#include "mallorn-apply/result_writer.hpp"

#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kGatherBytes = 256 * 1024;

}  // namespace

ResultWriter::ResultWriter(Output* output, uint64_t limit,
                           std::function<void(ByteView)> also)
    : output_(output), also_(std::move(also)), limit_(limit) {
  gathered_.reserve(kGatherBytes);
}

void ResultWriter::count(ByteView bytes) {
  if (bytes.size() > limit_ - written_) {
    throw Error(Status::result_mismatch,
                "the result is longer than the patch's header says");
  }
  written_ += bytes.size();
}

void ResultWriter::adopt(ByteView bytes) {
  count(bytes);
  const SpentTimer timer(&hashed_, bytes.size());
  hash_.update(bytes);
}

void ResultWriter::write(ByteView bytes) {
  count(bytes);
  if (gathered_.size() + bytes.size() > kGatherBytes) flush();
  if (bytes.size() >= kMinPassedOn) {
    flush();
    pass_on(bytes);
  } else {
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
  }
}

void ResultWriter::flush() {
  pass_on(gathered_);
  gathered_.clear();
}

void ResultWriter::pass_on(ByteView bytes) {
  if (bytes.empty()) return;
  {
    const SpentTimer timer(&hashed_, bytes.size());
    hash_.update(bytes);
  }
  if (also_) also_(bytes);
  if (output_ == nullptr) return;
  const SpentTimer timer(&passed_on_, bytes.size());
  output_->write(bytes);
}

Digest ResultWriter::finish() {
  flush();
  return hash_.finish();
}

}  // namespace mallorn::apply
