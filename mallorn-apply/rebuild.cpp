#include "mallorn-apply/rebuild.hpp"

#include <memory>
#include <mutex>
#include <optional>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/ordered_pool.hpp"
#include "mallorn-apply/base_check.hpp"
#include "mallorn-apply/info.hpp"
#include "mallorn-apply/lite_rebuild.hpp"
#include "mallorn-apply/result_writer.hpp"
#include "mallorn-apply/section_codecs.hpp"
#include "mallorn-apply/zstd_run.hpp"

namespace mallorn::apply {
namespace {

// What decoding a chunk needs: large, and reused.
struct Workspace {
  explicit Workspace(const TokenKernels& kernels) : sections(kernels) {}
  ChunkWorkspace chunk;
  HostSections sections;
  Spent decoded;  // of whole chunks, sections included
};

// What patches say of memory: a thread's chunk, and one that waits to be written.
static_assert(2 * (sizeof(Workspace) + sizeof(ByteModel) + kMaxRecordBytes) <=
              uint64_t{kHostMemoryKib} * 1024);

// One workspace for every chunk that is under way.
class WorkspacePool {
 public:
  explicit WorkspacePool(const TokenKernels& kernels) : kernels_(kernels) {}

  std::unique_ptr<Workspace> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>(kernels_);
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }
  void give_back(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(workspace));
  }

  // What decoding took, by codec and then all the rest, when all workspaces are back.
  std::vector<SpentOn> spent() const {
    std::vector<SpentOn> all;
    Spent steps;
    HostSections::SpentByCodec sections{};
    for (const std::unique_ptr<Workspace>& workspace : free_) {
      steps += workspace->decoded;
      for (size_t i = 0; i < sections.size(); ++i) {
        sections[i] += workspace->sections.spent()[i];
      }
    }
    for (size_t i = 0; i < sections.size(); ++i) {
      if (sections[i].bytes == 0) continue;
      const char* name = codec_name(static_cast<CodecId>(i));
      all.push_back({std::string("decoded by ") + name, sections[i]});
      steps.nanoseconds -= sections[i].nanoseconds;
    }
    all.push_back({"decoded steps", steps});
    return all;
  }

 private:
  const TokenKernels& kernels_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

// Why decode_chunk() refuses a chunk.
const char* chunk_fault(Status status) {
  switch (status) {
    case Status::truncated:
    case Status::malformed:
      return "header of the chunk is not valid";
    case Status::limit_exceeded:
      return "chunk is larger than the format allows";
    case Status::unknown_codec:
      return "chunk has a section of an unknown codec";
    default:
      return "chunk does not decode";
  }
}

struct Job {
  std::vector<uint8_t> record;
  uint64_t result_offset = 0;
  uint64_t result_bytes = 0;
};

struct Decoded {
  Status status = Status::ok;
  std::unique_ptr<Workspace> workspace;
};

class Rebuild {
 public:
  Rebuild(PatchReader& patch, const MappedFile& base, Output* output,
          const RebuildOptions& options)
      : patch_(patch),
        base_(base),
        writer_(output, patch.header().result_bytes),
        workspaces_(options.is_portable ? portable_kernels() : fast_kernels()),
        pool_(options.threads, [this](Job&& job) { return decode(std::move(job)); }) {}

  void run(Progress& progress) {
    if (has_lite_body(patch_.header())) {
      rebuild_lite(patch_, base_.bytes(), [&](ByteView bytes) {
        writer_.write(bytes);
        progress.advance_to(writer_.written());
      });
      return;
    }
    const auto next = [this] { return next_job(); };
    pool_.run(next, [&](Decoded&& decoded) {
      write(std::move(decoded));
      progress.advance_to(writer_.written());
    });
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

  std::vector<SpentOn> spent() const {
    std::vector<SpentOn> all = workspaces_.spent();
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
  std::optional<Job> next_job() {
    if (is_zstd_run_ || !patch_.next(&record_)) return std::nullopt;
    is_zstd_run_ = patch_.kind_of(record_) == RecordKind::zstd_run;
    if (is_zstd_run_) return std::nullopt;
    Job job{{record_.begin() + 1, record_.end()}, next_offset_, 0};
    ByteReader reader(job.record);
    const uint64_t length = reader.varint();
    if (!reader.ok() || length > patch_.header().result_bytes - next_offset_) {
      patch_.fail(Status::malformed, "chunk reaches past the end of the result");
    }
    next_offset_ += length;
    job.result_bytes = length;
    return job;
  }

  Decoded decode(Job&& job) {
    Decoded decoded{Status::ok, workspaces_.take()};
    Workspace& space = *decoded.workspace;
    const SpentTimer timer(&space.decoded, job.result_bytes);
    decoded.status = decode_chunk(job.record, base_.bytes(), job.result_offset,
                                  space.sections, &space.chunk);
    return decoded;
  }

  void write(Decoded&& decoded) {
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
    workspaces_.give_back(std::move(decoded.workspace));
  }

  // Gives back the pages that a step has read, if any.
  void release_base(const ChunkWorkspace& chunk, const CodedStep& step) const {
    if (step.address == AddressKind::none) return;
    uint64_t length = step.length_bytes;
    if (step.kind == CodedStepKind::section) {
      const SectionHeader& section =
          chunk.view.header.sections[static_cast<size_t>(step.section)];
      (void)section_base_bytes(section, step.length_bytes, &length);
    }
    base_.release(step.base_offset, length);
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
  ResultWriter writer_;
  Spent consumed_;  // by the calling thread, which also hashes and writes
  WorkspacePool workspaces_;
  std::vector<uint8_t> record_;
  uint64_t next_offset_ = 0;
  bool is_zstd_run_ = false;
  ZstdRun zstd_run_;
  OrderedPool<Job, Decoded> pool_;  // last: its threads end before what they use
};

}  // namespace

std::vector<SpentOn> rebuild(PatchReader& patch, const MappedFile& base, Output* output,
                             const RebuildOptions& options) {
  BaseCheck base_check(base, patch.header());
  // What goes to a file stays invisible until the end, so the base may be hashed meanwhile;
  // what goes to a pipe is gone once written.
  if (output == nullptr || output->is_stdout()) base_check.require_match();
  Progress progress(options.shows_progress, "applying", patch.header().result_bytes);
  std::vector<SpentOn> spent;
  try {
    Rebuild work(patch, base, output, options);
    // Only what the base makes plausible is reserved: the header is not to be trusted so
    // far.
    const uint64_t plausible = 4 * base.bytes().size() + (64u << 20);
    if (output != nullptr && patch.header().result_bytes <= plausible) {
      output->reserve(patch.header().result_bytes);
    }
    work.run(progress);
    work.finish();
    spent = work.spent();
  } catch (const Error&) {
    base_check
        .require_match();  // a wrong base is the better explanation, if that is what it is
    throw;
  }
  base_check.require_match();
  if (output != nullptr) output->commit();
  return spent;
}

}  // namespace mallorn::apply
