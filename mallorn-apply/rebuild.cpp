#include "mallorn-apply/rebuild.hpp"

#include <memory>
#include <optional>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/ordered_pool.hpp"
#include "mallorn-apply/base_check.hpp"
#include "mallorn-apply/held_result.hpp"
#include "mallorn-apply/lite_rebuild.hpp"
#include "mallorn-apply/memory.hpp"
#include "mallorn-apply/result_writer.hpp"
#include "mallorn-apply/zstd_run.hpp"

namespace mallorn::apply {
namespace {

class Rebuild {
 public:
  Rebuild(PatchReader& patch, const MappedFile& base, Output* output,
          const RebuildOptions& options)
      : patch_(patch),
        base_(base),
        on_bytes_(options.on_bytes),
        writer_(output, patch.header().result_bytes,
                [this](ByteView bytes) {
                  if (on_bytes_) on_bytes_(bytes, has_chunks());
                }),
        on_chunk_(options.on_chunk),
        held_(output),
        decoders_(options.is_portable, options.keeps_traces),
        pool_(options.threads,
              [this](ChunkJob&& job) { return decoders_.decode(job, base_.bytes()); }) {}

  void run(Progress& progress) {
    if (has_lite_body(patch_.header())) {
      const SpentTimer timer(&consumed_, 0);
      held_.go_on_at(0);
      rebuild_lite(patch_, base_.bytes(), [&](ByteView bytes) {
        writer_.write(bytes);
        progress.advance_to(writer_.written());
      });
      return;
    }
    if (std::optional<ChunkJob> first = skip_held(progress)) {
      const auto next = [&] {
        return first ? std::exchange(first, std::nullopt) : next_job();
      };
      pool_.run(next, [&](DecodedChunk&& decoded) {
        write(std::move(decoded));
        progress.advance_to(writer_.written());
      });
    }
    while (is_zstd_run_ && read_zstd_run()) progress.advance_to(writer_.written());
  }

  void finish() {
    const PatchHeader& header = patch_.header();
    if (is_zstd_run_ && !zstd_run_.is_finished()) {
      throw Error(Status::corrupt_data, patch_.name() + ": compressed data has no end");
    }
    const SpentTimer timer(&consumed_, 0);
    const bool is_complete = writer_.written() == header.result_bytes;
    if (!is_complete || writer_.finish() != header.result_digest) {
      throw Error(Status::result_mismatch,
                  patch_.name() + ": the result is not what the patch's header promises");
    }
  }

  uint64_t resumed_at() const { return resumed_at_; }
  bool has_chunks() const { return next_offset_ != 0; }

  std::vector<SpentOn> spent() const {
    std::vector<SpentOn> all = decoders_.spent();
    Spent rest = consumed_;
    rest.bytes = writer_.written();
    rest.nanoseconds -= writer_.hashed().nanoseconds + writer_.passed_on().nanoseconds;
    all.push_back({is_zstd_run_ ? "decoded by zstd" : "checked", rest});
    all.push_back({"hashed", writer_.hashed()});
    all.push_back({"written", writer_.passed_on()});
    return all;
  }

 private:
  // Reads the next chunk record and where in the result it belongs; nothing at the end.
  std::optional<ChunkJob> next_job() {
    if (is_zstd_run_ || !patch_.next(&record_)) return std::nullopt;
    is_zstd_run_ = patch_.kind_of(record_) == RecordKind::zstd_run;
    if (is_zstd_run_) return std::nullopt;
    ChunkJob job = patch_.chunk_at(record_, next_offset_);
    next_offset_ += job.result_bytes;
    return job;
  }

  // Takes over the chunks that are there from a run that was interrupted; the first one
  // that is not.
  std::optional<ChunkJob> skip_held(Progress& progress) {
    const SpentTimer timer(&consumed_, 0);
    std::optional<ChunkJob> job = next_job();
    while (job && held_.holds(*job)) {
      held_.give(*job, [this](ByteView bytes) { writer_.adopt(bytes); });
      progress.advance_to(writer_.written());
      job = next_job();
    }
    resumed_at_ = writer_.written();
    held_.go_on_at(resumed_at_);
    return job;
  }

  void write(DecodedChunk&& decoded) {
    const SpentTimer timer(&consumed_, 0);
    if (decoded.status != Status::ok) fail(decoded.status, chunk_fault(decoded.status));
    const ChunkWorkspace& chunk = decoded.workspace->chunk;
    if ((used_features(chunk) & ~patch_.header().features) != 0) {
      fail(Status::malformed, std::string("chunk ") + kUndeclared);
    }
    uint32_t check = 0;
    size_t coded_at = 0;
    for (uint32_t i = 0; i < chunk.step_count; ++i) {
      const CodedStep& step = chunk.step[i];
      const auto length = static_cast<size_t>(step.length_bytes);
      const bool is_copy = step.kind == CodedStepKind::copy;
      if (is_copy) {
        check = copy(step.base_offset, step.length_bytes, check);
      } else {
        const ByteView bytes = ByteView(chunk.coded).subspan(coded_at, length);
        check = fast_crc32c(check, bytes);
        writer_.write(bytes);
        coded_at += length;
        release_base(chunk, step);
      }
    }
    if (check != chunk.view.header.check) fail(Status::check_mismatch, "chunk is damaged");
    if (on_chunk_) on_chunk_(decoded);
    decoders_.give_back(std::move(decoded.workspace));
  }

  // Gives back the pages that a step has read, if any.
  void release_base(const ChunkWorkspace& chunk, const CodedStep& step) const {
    if (step.address == AddressKind::none) return;
    const bool is_section = step.kind == CodedStepKind::section;
    base_.release(step.base_offset,
                  is_section ? base_bytes_of(chunk, step) : step.length_bytes);
  }

  // Long copies go in windows whose pages are given back: memory stays bounded.
  uint32_t copy(uint64_t offset, uint64_t length, uint32_t check) {
    constexpr uint64_t kWindow = 1u << 20;
    for (uint64_t at = 0; at < length; at += kWindow) {
      const auto part = static_cast<size_t>(std::min(kWindow, length - at));
      const ByteView bytes = base_.bytes().subspan(static_cast<size_t>(offset + at), part);
      check = fast_crc32c(check, bytes);
      writer_.write(bytes);
      if (length > 16 * kWindow) base_.release(offset + at, part);
    }
    return check;
  }

  // Records that hold one zstd stream; `record_` is the first of them.
  bool read_zstd_run() {
    const SpentTimer timer(&consumed_, 0);
    const Status status = zstd_run_.feed(ByteView(record_).subspan(1),
                                         [this](ByteView bytes) { writer_.write(bytes); });
    if (status != Status::ok) fail(status, "compressed data does not decode");
    if (!patch_.next(&record_)) return false;
    (void)patch_.kind_of(record_);
    return true;
  }

  [[noreturn]] void fail(Status status, const std::string& reason) const {
    throw Error(status, patch_.name() + ": result byte " +
                            std::to_string(writer_.written()) + ": " + reason);
  }

  PatchReader& patch_;
  const MappedFile& base_;
  std::function<void(ByteView, bool)> on_bytes_;
  ResultWriter writer_;
  std::function<void(const DecodedChunk&)> on_chunk_;
  Spent consumed_;  // by the calling thread, which also hashes and writes
  HeldResult held_;
  uint64_t resumed_at_ = 0;
  ChunkDecoders decoders_;
  std::vector<uint8_t> record_;
  uint64_t next_offset_ = 0;
  bool is_zstd_run_ = false;
  ZstdRun zstd_run_;
  OrderedPool<ChunkJob, DecodedChunk> pool_;  // last: its threads end before what they use
};

}  // namespace

Rebuilt rebuild(PatchReader& patch, const MappedFile& base, Output* output,
                const RebuildOptions& options) {
  BaseCheck base_check(base, patch.header());
  // What goes to a file stays invisible until the end, so the base may be hashed meanwhile;
  // what goes to a pipe is gone once written.
  if (output == nullptr || output->is_stdout()) base_check.require_match();
  Progress progress(options.shows_progress, "applying", patch.header().result_bytes);
  Rebuilt rebuilt;
  try {
    Rebuild work(patch, base, output, options);
    const uint64_t plausible = plausible_result_bytes(base.bytes().size());
    if (output != nullptr && patch.header().result_bytes <= plausible) {
      output->reserve(patch.header().result_bytes);
    }
    work.run(progress);
    work.finish();
    rebuilt = {work.spent(), work.has_chunks(), work.resumed_at()};
  } catch (const Error&) {
    // A wrong base is the better explanation, if that is what it is, and so is one that an
    // update in place has changed meanwhile.
    base_check.require_match();
    base_check.require_unchanged();
    throw;
  }
  base_check.require_match();
  if (output == nullptr) return rebuilt;
  output->sync();
  if (options.before_commit) options.before_commit();
  output->commit();
  return rebuilt;
}

}  // namespace mallorn::apply
