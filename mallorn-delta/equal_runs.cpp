// Long runs of equal elements amid predicted ones: a section would code them for next to
// nothing, but they count as coded, so that a chunk has to begin for each megabyte.
#include <algorithm>
#include <cstring>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-delta/step_parts.hpp"

namespace mallorn::delta {
namespace {

// A shorter run costs less in a section than a step of its own does.
constexpr uint64_t kLeastRun = 256 * 1024;
// Of these, a run has at least one whole; what differs everywhere is told by a look at
// each.
constexpr uint64_t kBlock = kLeastRun / 2;
constexpr uint64_t kMostRow = 16 * 1024;  // bytes; longer rows are cut

bool may_have_runs(const Step& step) {
  return step.kind == StepKind::predict && step.predictor == Predictor::same_value &&
         step.dtype != Dtype::opaque && step.result_bytes >= kLeastRun;
}

// Where a step may be cut, in bytes from its beginning: between rows, or elements where
// these are long.
class Cuts {
 public:
  explicit Cuts(const Step& step) : unit_(unit_bytes(step)) {
    const DtypeLayout& layout = dtype_layout(step.dtype);
    const uint64_t elements = step.place.row_elements;
    if (elements == 0 || elements % layout.block_elements != 0) return;
    const uint64_t row = elements / layout.block_elements * layout.block_bytes;
    if (row > kMostRow) return;
    unit_ = row;
    past_ = step.place.first_element / layout.block_elements * layout.block_bytes % row;
  }

  uint64_t up(uint64_t offset) const {
    return (offset + past_ + unit_ - 1) / unit_ * unit_ - past_;
  }
  uint64_t down(uint64_t offset) const {
    const uint64_t whole = (offset + past_) / unit_ * unit_;
    return whole - std::min(whole, past_);
  }

 private:
  uint64_t unit_;
  uint64_t past_ = 0;  // of a row, before the step
};

class RunCutter {
 public:
  RunCutter(const Model& base, const Model& result) : base_(base), result_(result) {}

  std::vector<Step> run(std::vector<Step> steps) {
    for (Step& step : steps) {
      const uint64_t length = step.result_bytes;
      if (may_have_runs(step)) cut(&step);
      if (step.result_bytes > 0) made_.push_back(std::move(step));
      at_ += length;
    }
    return std::move(made_);
  }

 private:
  // Moves what comes first of `step` to made_, as far as there are runs.
  void cut(Step* step) {
    const Cuts cuts(*step);
    const ByteView from = part_of(base_, step->base_offset, step->result_bytes);
    const ByteView to = part_of(result_, at_, step->result_bytes);
    PassedPages passed_base(base_.bytes(), step->base_offset);
    PassedPages passed(result_.bytes(), at_);
    const uint64_t offset = step->base_offset;
    uint64_t done = 0;
    for (uint64_t block = 0; block + kBlock <= to.size(); block += kBlock) {
      passed_base.advance_to(offset + block);
      passed.advance_to(at_ + block);
      if (block < done || memcmp(from.data() + block, to.data() + block, kBlock) != 0) {
        continue;
      }
      uint64_t begin = block - equal_before(from, to, block, done);
      if (begin > done) begin = cuts.up(begin);
      uint64_t end = block + common_length(from.subspan(block), to.subspan(block));
      if (end < to.size()) end = cuts.down(end);
      if (end < begin + kLeastRun) continue;
      if (begin > done) made_.push_back(split_off(step, begin - done));
      made_.push_back(copy_of(split_off(step, end - begin)));
      done = end;
    }
  }

  // How many bytes before `at` are equal, not before `done`.
  static uint64_t equal_before(ByteView from, ByteView to, uint64_t at, uint64_t done) {
    uint64_t count = 0;
    while (count < at - done && from[at - count - 1] == to[at - count - 1]) ++count;
    return count;
  }

  static Step copy_of(const Step& step) {
    Step copy;
    copy.kind = StepKind::copy;
    copy.result_bytes = step.result_bytes;
    copy.base_offset = step.base_offset;
    return copy;
  }

  static ByteView part_of(const Model& model, uint64_t offset, uint64_t length) {
    return model.bytes().subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
  }

  const Model& base_;
  const Model& result_;
  std::vector<Step> made_;
  uint64_t at_ = 0;  // of the result
};

}  // namespace

std::vector<Step> copy_equal_runs(std::vector<Step> steps, const Model& base,
                                  const Model& result) {
  return RunCutter(base, result).run(std::move(steps));
}

}  // namespace mallorn::delta
