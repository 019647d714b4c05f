#include "mallorn-delta/plan.hpp"

#include <algorithm>
#include <utility>

#include "libcommon/derivation.hpp"
#include "mallorn-delta/byte_match.hpp"
#include "mallorn-delta/new_steps.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/range_relation.hpp"
#include "mallorn-delta/rearranged.hpp"
#include "mallorn-delta/same_bytes.hpp"

namespace mallorn::delta {
namespace {

// What of the base is worth searching for bytes: everything that is not elements, or
// everything if tensors are guesses.
std::vector<ByteRange> searchable(const Model& base, const Model& result) {
  const bool is_raw = is_guessed(base, result);
  std::vector<ByteRange> ranges;
  for (const Range& range : base.manifest.ranges) {
    if (!is_raw && is_elements(range)) continue;
    if (!ranges.empty() &&
        ranges.back().offset + ranges.back().length == range.offset_bytes) {
      ranges.back().length += range.length_bytes;
    } else {
      ranges.push_back({range.offset_bytes, range.length_bytes});
    }
  }
  return ranges;
}

class Planner {
 public:
  Planner(const Model& base, const Model& result, const PlanOptions& options)
      : base_(base),
        result_(result),
        relations_(base, result, options.uses_distant),
        contents_(find_equal_tensors(base, result)),
        matches_(match_tensors(base.manifest, result.manifest, contents_,
                               [this](const Range& from, const Range& range) {
                                 return relations_.distance(from, range);
                               })),
        twins_(find_twins(result, contents_.result)),
        derived_(find_derived(base, result, twins_)),
        index_(base.bytes(), searchable(base, result)),
        rearranged_(base, result, relations_, options,
                    is_guessed(base, result) ? &index_ : nullptr) {}

  Plan run() {
    const std::vector<Range>& ranges = result_.manifest.ranges;
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (derived_[i]) {
        plan_bytes(ranges[i].offset_bytes);
        plan_derived(i);
        continue;
      }
      if (is_channel_vector(ranges[i]) && has_match(i) &&
          relations_.predicts_vector(match_of(i), ranges[i])) {
        plan_bytes(ranges[i].offset_bytes);
        plan_elements(i);
        continue;
      }
      if (!is_elements(ranges[i]) && ranges[i].length_bytes < kMinTensorBytes) continue;
      if (matches_[i].kind == MatchKind::equal) {
        plan_bytes(ranges[i].offset_bytes);
        plan_copy(i);
      } else if (is_elements(ranges[i])) {
        plan_bytes(ranges[i].offset_bytes);
        plan_elements(i);
      }
    }
    plan_bytes(result_.manifest.length_bytes);
    plan_.whole = sparsity_pairs(result_.manifest);
    plan_.steps = grow_copies(copy_equal_runs(std::move(plan_.steps), base_, result_),
                              base_.bytes(), result_.bytes());
    keep_twins(std::move(twins_), result_, &plan_);
    return std::move(plan_);
  }

 private:
  bool has_match(size_t i) const { return matches_[i].kind != MatchKind::none; }

  // The range of the base that range i of the result has been matched with.
  const Range& match_of(size_t i) const {
    return base_.manifest.ranges[matches_[i].base_range];
  }

  // Everything between planned_ and `end` that no tensor's plan covers.
  void plan_bytes(uint64_t end) {
    if (planned_ == end) return;
    const ByteView bytes = result_.bytes().subspan(static_cast<size_t>(planned_),
                                                   static_cast<size_t>(end - planned_));
    for (const Segment& segment :
         match_bytes(base_.bytes(), index_, bytes, expected_, &budget_)) {
      add(step_of(segment));
    }
  }

  void plan_copy(size_t i) {
    const Range& from = match_of(i);
    Step step;
    step.kind = StepKind::copy;
    step.result_bytes = from.length_bytes;
    step.base_offset = from.offset_bytes;
    add(step);
    plan_.tensors.push_back({i, matches_[i], "copy", 0, {}, {}, {}});
  }

  void plan_derived(size_t i) {
    const Range& range = result_.manifest.ranges[i];
    const Range& source = result_.manifest.ranges[derived_[i]->source_range];
    const bool is_ahead = source.offset_bytes > range.offset_bytes;
    const uint64_t distance = is_ahead ? source.offset_bytes - range.offset_bytes
                                       : range.offset_bytes - source.offset_bytes;
    Step step;
    step.kind = StepKind::predict;
    step.dtype = Dtype::f32;
    step.predictor = Predictor::derived;
    step.result_bytes = range.length_bytes;
    step.base_offset = expected_;
    step.parameters = derivation_to_bytes({distance, is_ahead, derived_[i]->factor});
    add(step);
    plan_.tensors.push_back(
        {i, {}, "derived", derived_[i]->estimated_bytes, derived_[i], {}, {}});
  }

  void plan_elements(size_t i) {
    if (plan_continued(i)) return;
    const Range& range = result_.manifest.ranges[i];
    Step step;  // predicts leading bytes that have a counterpart worth looking at
    step.result_bytes = 0;
    Relation relation;
    if (has_match(i)) {
      step.kind = StepKind::predict;
      step.base_offset = match_of(i).offset_bytes;
      relation = relations_.relate_elements(match_of(i), range, &step);
    }
    if (!is_well_matched(i, step) && plan_rearranged(i, step, relation)) return;
    const uint64_t predicted = step.result_bytes;
    const char* method = "literal";
    if (predicted > 0) {
      add(elements_step(base_, range, 0, step));
      method = is_converted(step)                     ? "convert"
               : step.predictor == Predictor::distant ? "distant"
                                                      : "predict";
    }
    if (predicted < range.length_bytes) {
      Step rest;
      rest.result_bytes = range.length_bytes - predicted;
      add(elements_step(base_, range, predicted, rest));
    }
    plan_.tensors.push_back(
        {i, matches_[i], method, estimated_bytes(range, relation), {}, {}, {}});
  }

  // Plans a tensor as a copy if the base goes on with its bytes where it was left, whatever
  // they are taken for there.
  bool plan_continued(size_t i) {
    const uint64_t length = result_.manifest.ranges[i].length_bytes;
    if (!range_fits(expected_, length, base_.bytes().size())) return false;
    const uint64_t at = result_.manifest.ranges[i].offset_bytes;
    if (!has_same_bytes(base_, expected_, result_, at, length)) return false;
    const size_t first = range_at(base_, expected_);
    Step step;
    step.kind = StepKind::copy;
    step.result_bytes = length;
    step.base_offset = expected_;
    add(step);
    plan_.tensors.push_back({i, {MatchKind::parts, first}, "parts", 0, {}, {first}, {}});
    return true;
  }

  // Whether there is nothing better to look for than `step`.
  bool is_well_matched(size_t i, const Step& step) const {
    const Range& range = result_.manifest.ranges[i];
    if (range.kind != RangeKind::tensor || is_sparsity(range)) return true;
    return has_match(i) && relations_.is_good_match(match_of(i), range, step);
  }

  // Plans a tensor that has no good match by elements that stand elsewhere, or in another
  // order, where that costs less than `step` and the rest of it; else returns false.
  bool plan_rearranged(size_t i, const Step& step, const Relation& relation) {
    const Range& range = result_.manifest.ranges[i];
    const bool resembles_match =
        step.predictor != Predictor::distant && step.result_bytes == range.length_bytes;
    auto found = rearranged_.find({i, matches_[i], resembles_match, expected_},
                                  clearly_less(relations_.cost_of(range, step, relation)));
    if (!found) return false;
    for (Step& made : found->elements) {
      if (may_be_bytes(made)) {
        plan_bytes(planned_ + made.result_bytes);
      } else {
        add(std::move(made));
      }
    }
    for (const Segment& segment : found->bytes) add(step_of(segment));
    plan_.tensors.push_back(found->plan);
    return true;
  }

  // New elements: what is guessed to be one tensor may be several, with something else
  // between them.
  bool may_be_bytes(const Step& step) const {
    constexpr uint64_t kMost = 4096;
    return step.kind == StepKind::literal && step.result_bytes <= kMost &&
           is_guessed(base_, result_);
  }

  void add(Step step) {
    planned_ += step.result_bytes;
    if (step.kind != StepKind::literal) {
      uint64_t base_bytes = 0;
      (void)predicting_bytes(step, step.result_bytes, &base_bytes);
      expected_ = std::min<uint64_t>(step.base_offset + base_bytes, base_.bytes().size());
    }
    plan_.steps.push_back(std::move(step));
  }

  const Model& base_;
  const Model& result_;
  const RangeRelations relations_;
  const Contents contents_;
  std::vector<TensorMatch> matches_;
  std::vector<Twin> twins_;
  std::vector<std::optional<Derived>> derived_;
  ByteIndex index_;
  SearchBudget budget_;
  RearrangedTensors rearranged_;
  Plan plan_;
  uint64_t planned_ = 0;   // bytes of the result that have a step
  uint64_t expected_ = 0;  // where in the base the next bytes probably are
};

}  // namespace

Plan make_plan(const Model& base, const Model& result, const PlanOptions& options) {
  return Planner(base, result, options).run();
}

}  // namespace mallorn::delta
