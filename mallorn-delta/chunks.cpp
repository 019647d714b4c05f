// Cuts a plan into chunks. Copies are free of the limit on coded bytes, so that models that
// did not change cost nothing per megabyte.
#include <algorithm>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "mallorn-delta/plan.hpp"

namespace mallorn::delta {
namespace {

// The first `length` bytes of `step`, which keeps the rest.
Step split_off(Step* step, uint64_t length) {
  Step first = *step;
  first.result_bytes = length;
  step->result_bytes -= length;
  uint64_t base_bytes = 0;  // only whole conversions are split off
  (void)predicting_bytes(*step, length, &base_bytes);
  const DtypeLayout& layout = dtype_layout(step->dtype);
  if (step->place != TensorPlace{}) {
    step->place.first_element += length / layout.block_bytes * layout.block_elements;
  }
  if (step->kind != StepKind::literal) step->base_offset += base_bytes;
  return first;
}

// Of how many bytes each part of a step has a whole number.
uint64_t unit_bytes(const Step& step) {
  if (step.kind == StepKind::copy) return 1;
  return is_converted(step) ? conversion_unit(step.conversion, step.dtype)
                            : dtype_layout(step.dtype).block_bytes;
}

// The most of `length`, whole units, that ends where a row of the tensor does; `length` if
// rows are long. Matrices are predicted row by row.
uint64_t whole_rows(const Step& step, uint64_t length) {
  const DtypeLayout& layout = dtype_layout(step.dtype);
  const uint64_t elements = length / layout.block_bytes * layout.block_elements;
  if (step.place.row_elements == 0 || step.place.row_elements > elements / 8) return length;
  const uint64_t past = (step.place.first_element + elements) % step.place.row_elements;
  const uint64_t bytes_past = past / layout.block_elements * layout.block_bytes;
  if (past % layout.block_elements != 0 || bytes_past % unit_bytes(step) != 0)
    return length;
  return length - bytes_past;
}

// Numbers cannot follow from those of another chunk: they are bytes then.
void drop_lost_sources(std::vector<Step>* steps) {
  const std::vector<uint64_t> begins = step_begins(*steps);
  for (size_t i = 0; i < steps->size(); ++i) {
    Step& step = (*steps)[i];
    if (!is_derived(step) || has_source(*steps, begins, i)) continue;
    step.dtype = Dtype::opaque;
    step.predictor = Predictor::bytes;
    step.parameters.clear();
  }
}

class Chunker {
 public:
  explicit Chunker(const std::vector<ByteRange>& whole) : whole_(whole) {}

  std::vector<std::vector<Step>> run(std::vector<Step> steps) {
    for (Step& step : steps) {
      make_room_for_whole();
      while (step.result_bytes > 0) take(&step);
    }
    close();
    return std::move(chunks_);
  }

 private:
  // Before a step: closes the open chunk if it has too little room for a range that begins
  // here and is to stay whole, but another one had enough.
  void make_room_for_whole() {
    while (next_ < whole_.size() && whole_[next_].offset < made_) ++next_;
    if (next_ == whole_.size() || whole_[next_].offset != made_) return;
    const uint64_t length = whole_[next_].length;
    if (length <= kMaxChunkCoded && length > kMaxChunkCoded - coded_bytes_) close();
  }

  // Moves as much of `step` into the open chunk as fits, or closes the chunk. Throws
  // Error(internal) for a step that must stay whole and fits into none.
  void take(Step* step) {
    const bool is_copy = step->kind == StepKind::copy;
    uint64_t room = kMaxChunkResult - result_bytes_;
    if (!is_copy) room = std::min(room, kMaxChunkCoded - coded_bytes_);
    uint64_t length = std::min(step->result_bytes, room);
    if (length < step->result_bytes)
      length = whole_rows(*step, length - length % unit_bytes(*step));
    // Where the rest of a byte-wise prediction would go on is known only to its cursor;
    // such steps are short, so they go into the next chunk whole.
    const bool is_whole = may_end_early(*step);
    if (is_whole && length < step->result_bytes) length = 0;
    if (length == 0 || open_.size() == kMaxChunkSteps) {
      if (open_.empty()) throw Error(Status::internal, "a step is too long for a chunk");
      close();
      return;
    }
    made_ += length;
    result_bytes_ += length;
    coded_bytes_ += is_copy ? 0 : length;
    const bool is_cut = length < step->result_bytes;
    open_.push_back(split_off(step, length));
    if (is_cut) close();  // less than a row may have fitted yet
  }

  void close() {
    drop_lost_sources(&open_);
    if (!open_.empty()) chunks_.push_back(std::move(open_));
    open_.clear();
    result_bytes_ = coded_bytes_ = 0;
  }

  const std::vector<ByteRange>& whole_;
  size_t next_ = 0;  // of whole_
  std::vector<std::vector<Step>> chunks_;
  std::vector<Step> open_;
  uint64_t made_ = 0;  // of all chunks
  uint64_t result_bytes_ = 0;
  uint64_t coded_bytes_ = 0;
};

}  // namespace

std::vector<std::vector<Step>> cut_into_chunks(std::vector<Step> steps,
                                               const std::vector<ByteRange>& whole) {
  return Chunker(whole).run(std::move(steps));
}

}  // namespace mallorn::delta
