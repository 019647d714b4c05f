#include "mallorn-apply/tensor_table.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "libcommon/error.hpp"
#include "libcommon/model_source.hpp"

namespace mallorn::apply {
namespace {

bool is_listed(const Range& range) {
  return range.kind == RangeKind::tensor || is_channel_vector(range);
}

// How the bytes of one section, which come in order, were coded.
class SectionReports {
 public:
  SectionReports(const SectionHeader& header, const SectionTrace& trace)
      : header_(header), trace_(trace) {}

  // The next `length` bytes: pieces are dealt out by length, payloads without pieces, too.
  void report(uint64_t length, StepReport* report) {
    made_ += length;
    while (piece_ + 1 < trace_.size() && trace_[piece_].result_end < made_) ++piece_;
    const uint64_t coded = coded_until(made_);
    report->codec = codec_name(header_.codec);
    report->coded_bytes += coded - coded_;
    report->predictor = predictor();
    coded_ = coded;
  }

 private:
  uint64_t coded_until(uint64_t made) const {
    if (made == header_.result_bytes) return header_.coded_bytes;
    if (trace_.empty()) return header_.coded_bytes * made / header_.result_bytes;
    const PieceTrace before = piece_ > 0 ? trace_[piece_ - 1] : PieceTrace{};
    const PieceTrace& piece = trace_[piece_];
    return before.coded_end + (piece.coded_end - before.coded_end) *
                                  (made - before.result_end) /
                                  (piece.result_end - before.result_end);
  }

  std::string predictor() const {
    if (!header_.has_base) {
      return trace_.empty() ? "none" : shown_predictor(trace_[piece_].piece);
    }
    std::string name = "same value";
    if (!trace_.empty()) {
      const Piece& piece = trace_[piece_].piece;
      name = header_.codec == CodecId::blocks ? "requantized" + shown_ranks(piece.ranks)
                                              : shown_predictor(piece);
    }
    if (!header_.conversion.is_none()) {
      name += std::string(" from ") + dtype_layout(header_.conversion.from).name;
    }
    return name;
  }

  const SectionHeader& header_;
  const SectionTrace& trace_;
  size_t piece_ = 0;
  uint64_t made_ = 0;
  uint64_t coded_ = 0;
};

// Names what tensors are made from, by where in the base they come from.
class Origins {
 public:
  explicit Origins(const Manifest& base) : base_(base) {}

  // `note` is that of `range`.
  void name(const Origin& origin, const Range& range, TensorNote* note) const {
    note->match = "-";
    if (!origin.is_known) return;
    const auto behind = std::upper_bound(
        base_.ranges.begin(), base_.ranges.end(), origin.base_offset,
        [](uint64_t at, const Range& other) { return at < other.offset_bytes; });
    if (behind == base_.ranges.begin()) return;
    const Range& from = *std::prev(behind);
    if (!is_listed(from)) return;
    const bool is_same = origin.is_one_copy && origin.base_offset == from.offset_bytes &&
                         range.length_bytes == from.length_bytes;
    const bool is_namesake = shown_name(from) == shown_name(range);
    note->match = is_same ? "equal" : is_namesake ? "name" : "content";
    if (!is_namesake) note->name += " <- " + shown_name(from);
    if (from.dtype != range.dtype)
      note->name += std::string(" (") + dtype_layout(from.dtype).name + ")";
  }

 private:
  const Manifest& base_;
};

PatchReader reread(const Fd& patch, const std::string& name) {
  if (::lseek(patch.get(), 0, SEEK_SET) != 0) {
    throw Error(Status::io, name + ": " + std::strerror(errno));
  }
  return {patch.get(), name};
}

}  // namespace

std::vector<StepReport> report_steps(const DecodedChunk& decoded) {
  const ChunkWorkspace& chunk = decoded.workspace->chunk;
  std::vector<SectionReports> sections;
  for (uint32_t i = 0; i < chunk.view.header.section_count; ++i) {
    sections.emplace_back(chunk.view.header.sections[i],
                          decoded.workspace->sections.traces()[i]);
  }
  std::vector<StepReport> reports;
  uint64_t left = chunk.view.structure.size();
  for (uint32_t i = 0; i < chunk.step_count; ++i) {
    const CodedStep& step = chunk.step[i];
    const bool has_base = step.address != AddressKind::none;
    StepReport report;
    report.result_bytes = step.length_bytes;
    report.coded_bytes = left - chunk.structure_left[i];
    report.is_copy = step.kind == CodedStepKind::copy;
    report.codec = report.is_copy ? "copy" : "bytes";
    report.predictor = report.is_copy                        ? "same bytes"
                       : step.kind == CodedStepKind::derived ? "derived"
                       : has_base                            ? "bytes"
                                                             : "none";
    report.base_offset = has_base ? step.base_offset : 0;
    report.base_bytes = has_base ? step.length_bytes : 0;
    left = chunk.structure_left[i];
    if (step.kind == CodedStepKind::section) {
      const auto section = static_cast<size_t>(step.section);
      sections[section].report(step.length_bytes, &report);
      if (has_base) {
        report.base_bytes = base_bytes_of(chunk, step);
        const Permutation& permutation = chunk.permutations[step.permutation];
        if (!permutation.is_none())
          report.predictor += ", " + shown_permutation(permutation);
      }
    }
    if (decoded.is_again) {
      report.coded_bytes = 0;
      report.codec = kCodecAgain;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

std::string tensor_table(const Fd& patch, const std::string& patch_name,
                         const std::string& base_path, const RebuildOptions& options) {
  const MappedFile base(base_path);
  const Fd file = make_temporary_file();
  RebuildOptions making = options;
  making.on_bytes = [&](ByteView bytes, bool) {
    write_full(file.get(), bytes, temporary_file_name());
  };
  PatchReader first = reread(patch, patch_name);
  if (!rebuild(first, base, nullptr, making).has_chunks) {
    return "tensors          not told apart: the patch has no steps\n";
  }
  const Model old_model = open_model(base_path, true, false);
  // Other programs open it by that name.
  const std::string result_path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.get());
  const Model new_model = open_model(result_path, true, false);

  std::vector<TensorNote> notes;
  std::map<uint64_t, const Range*> ranges;
  for (const Range& range : new_model.manifest.ranges) {
    if (!is_listed(range)) continue;
    notes.push_back({range.offset_bytes, range.length_bytes, range.dtype, "-",
                     shown_shape(range), shown_name(range)});
    ranges[range.offset_bytes] = &range;
  }
  Explanation explanation(std::move(notes));
  RebuildOptions seeing = options;
  seeing.keeps_traces = true;
  seeing.on_chunk = [&](const DecodedChunk& chunk) {
    explanation.add(chunk.result_offset, report_steps(chunk));
  };
  PatchReader second = reread(patch, patch_name);
  rebuild(second, base, nullptr, seeing);
  const Origins origins(old_model.manifest);
  return explanation.table([&](const Origin& origin, TensorNote* note) {
    origins.name(origin, *ranges.at(note->offset_bytes), note);
  });
}

}  // namespace mallorn::apply
