#include "mallorn-delta/plan.hpp"

#include <algorithm>

#include "libcommon/derivation.hpp"
#include "mallorn-delta/byte_match.hpp"
#include "mallorn-delta/marks.hpp"
#include "mallorn-delta/moved_bytes.hpp"
#include "mallorn-delta/permuted.hpp"
#include "mallorn-delta/picked.hpp"
#include "mallorn-delta/plan_parts.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/range_relation.hpp"
#include "mallorn-delta/same_bytes.hpp"

namespace mallorn::delta {
namespace {

// Whether there is a model that no parser understood, so that its tensors are guesses.
bool is_guessed(const Model& base, const Model& result) {
  return base.manifest.format == "raw" || result.manifest.format == "raw";
}

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
        uses_permuted_(options.uses_permuted),
        relations_(base, result, options.uses_distant),
        contents_(find_equal_tensors(base, result)),
        matches_(match_tensors(base.manifest, result.manifest, contents_,
                               [this](const Range& from, const Range& range) {
                                 return relations_.distance(from, range);
                               })),
        twins_(find_twins(result, contents_.result)),
        derived_(find_derived(base, result, twins_)),
        index_(base.bytes(), searchable(base, result)),
        picked_(base, result),
        moved_(base, result, is_guessed(base, result) ? &index_ : nullptr) {}

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
    add_segments(match_bytes(base_.bytes(), index_, bytes, expected_, &budget_));
  }

  void add_segments(const std::vector<Segment>& segments) {
    for (const Segment& segment : segments) {
      Step step;
      step.kind = segment.is_copy    ? StepKind::copy
                  : segment.has_base ? StepKind::predict
                                     : StepKind::literal;
      step.predictor = Predictor::bytes;
      step.result_bytes = segment.length;
      step.base_offset = segment.has_base ? segment.base_offset : 0;
      if (!segment.has_base) step.predictor = Predictor::same_value;
      add(step);
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
    if (!is_well_matched(i, step) &&
        plan_rearranged(i, step, clearly_less(relations_.cost_of(range, step, relation)))) {
      return;
    }
    const uint64_t predicted = step.result_bytes;
    const char* method = "literal";
    if (predicted > 0) {
      add_elements(i, 0, step);
      method = is_converted(step)                     ? "convert"
               : step.predictor == Predictor::distant ? "distant"
                                                      : "predict";
    }
    if (predicted < range.length_bytes) {
      Step rest;
      rest.result_bytes = range.length_bytes - predicted;
      add_elements(i, predicted, rest);
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

  // Plans a tensor that has no good match by elements of the base that stand elsewhere, or
  // in another order, where that costs less than `most`, as `step` and the rest of it do.
  // False if nothing does.
  bool plan_rearranged(size_t i, const Step& step, uint64_t most) {
    if (uses_permuted_ && plan_permuted(i, most)) return true;
    std::optional<Picked> picked;
    if (uses_permuted_) picked = find_picked(i, most);
    if (picked && picked->cost < most / 64) {
      add_picked(i, *picked);
      return true;
    }
    // Where much is new, others may say better what.
    uint64_t least = picked ? clearly_less(picked->cost) : most;
    const std::optional<PartsPlan> parts = find_parts_of(i, least);
    if (parts) least = clearly_less(parts->cost);
    // Picks cost less than samples say where what is new comes in runs.
    if (picked && !parts) least -= least / 4;
    // What resembles its match all through has not moved, whatever has become of a few
    // rows.
    std::optional<MovedBytes> moved;
    const bool is_related = step.predictor != Predictor::distant &&
                            step.result_bytes == result_.manifest.ranges[i].length_bytes;
    if (!is_related) moved = find_moved(i, least);
    if (moved) {
      add_segments(moved->segments);
      const uint64_t cost = moved->cost / (8 * 1024);
      plan_.tensors.push_back({i, {}, "bytes", cost, {}, {}, {}});
    } else if (parts) {
      add_parts(i, *parts);
    } else if (picked) {
      add_picked(i, *picked);
    }
    return planned_ > result_.manifest.ranges[i].offset_bytes;
  }

  // Plans a tensor by one whose axes stand in another order, as above.
  bool plan_permuted(size_t i, uint64_t most) {
    const Range& range = result_.manifest.ranges[i];
    if (!permuted_) permuted_.emplace(base_, result_);
    const auto found = permuted_->find(range);
    if (!found) return false;
    const Range& from = base_.manifest.ranges[found->base_range];
    Step made;
    made.kind = StepKind::predict;
    made.predictor = Predictor::permuted;
    made.result_bytes = range.length_bytes;
    made.base_offset = from.offset_bytes;
    made.permutation = found->permutation;
    if (relations_.cost_of(range, made, found->relation) >= most) return false;
    add_elements(i, 0, made);
    const bool is_namesake = !range.names.empty() && range.names == from.names;
    const MatchKind kind = is_namesake ? MatchKind::name : MatchKind::content;
    plan_.tensors.push_back({i,
                             {kind, found->base_range},
                             "permute",
                             estimated_bytes(range, found->relation),
                             {},
                             {},
                             found->permutation});
    return true;
  }

  // How a tensor has elements that were picked from the axes of another one.
  struct Picked {
    TensorMatch match;
    PickedMatch picks;
    uint64_t cost = 0;  // in 1/1024 bit
  };

  // By its match, else by the tensor that has most of its elements.
  std::optional<Picked> find_picked(size_t i, uint64_t most) {
    if (has_match(i)) {
      auto picked = find_picked_from(i, matches_[i], most);
      if (picked) return picked;
    }
    const Marks::Found& found = marks_of(i);
    if (!has_many(found, 16)) return {};
    const TensorMatch other = {MatchKind::content, found.ranges.front()};
    if (has_match(i) && other.base_range == matches_[i].base_range) return {};
    return find_picked_from(i, other, most);
  }

  std::optional<Picked> find_picked_from(size_t i, const TensorMatch& match,
                                         uint64_t most) {
    const Range& range = result_.manifest.ranges[i];
    auto found = picked_.find(base_.manifest.ranges[match.base_range], range);
    if (!found) return {};
    Step made;
    made.result_bytes = range.length_bytes;
    const uint64_t cost =
        found->picks_cost + relations_.cost_of(range, made, found->relation);
    if (cost >= most || found->picks.size() > picks_left_) return {};
    return Picked{match, std::move(*found), cost};
  }

  void add_picked(size_t i, const Picked& picked) {
    const Range& range = result_.manifest.ranges[i];
    Step made;
    made.kind = StepKind::predict;
    made.predictor = Predictor::permuted;
    made.result_bytes = range.length_bytes;
    made.base_offset = base_.manifest.ranges[picked.match.base_range].offset_bytes;
    made.permutation = picked.picks.permutation;
    made.picks = picked.picks.picks;
    picks_left_ -= made.picks.size();
    add_elements(i, 0, made);
    plan_.tensors.push_back({i,
                             picked.match,
                             "permute",
                             estimated_bytes(range, picked.picks.relation),
                             {},
                             {},
                             made.permutation});
  }

  // How a tensor is made part by part, where that costs less than `most`.
  std::optional<PartsPlan> find_parts_of(size_t i, uint64_t most) {
    const Range& range = result_.manifest.ranges[i];
    if (!anchors_) anchors_.emplace(base_);
    std::vector<uint64_t> expected;
    if (has_match(i) && match_of(i).dtype == range.dtype) {
      expected.push_back(match_of(i).offset_bytes);
    }
    expected.push_back(expected_);
    auto parts = plan_parts(base_, *anchors_, result_, range, expected);
    result_.file->release(range.offset_bytes, range.length_bytes);
    return parts && parts->cost < most ? std::move(parts) : std::nullopt;
  }

  void add_parts(size_t i, const PartsPlan& parts) {
    const Range& range = result_.manifest.ranges[i];
    uint64_t at = 0;
    for (const PartStep& part : parts.steps) {
      if (part.kind == StepKind::literal && may_be_bytes(part.length)) {
        plan_bytes(range.offset_bytes + at + part.length);
        at += part.length;
        continue;
      }
      Step made;
      made.kind = part.kind;
      made.result_bytes = part.length;
      made.base_offset = part.base_offset;
      add_elements(i, at, made, true);
      at += part.length;
    }
    plan_.tensors.push_back(describe(i, parts));
  }

  // How a tensor is made of bytes that have moved, where that costs less than `most`: with
  // elements inserted here and there, others look like new ones.
  std::optional<MovedBytes> find_moved(size_t i, uint64_t most) {
    constexpr uint64_t kFew = 64;  // the share of a tensor that is worth no search
    constexpr uint64_t kNew = 4;   // that is new where few marks are left, at least
    const Range& range = result_.manifest.ranges[i];
    if (most / 1024 / 8 < range.length_bytes / kFew) return {};
    if (is_guessed(base_, result_)) return moved_.find(range, {}, expected_, most);
    const Marks::Found& found = marks_of(i);
    if (!has_many(found, 8)) return {};
    const uint64_t strange = (found.seen - found.found) * range.length_bytes / found.seen;
    if (strange / kNew * 8 * 1024 >= most) return {};
    const uint64_t expected = base_.manifest.ranges[found.ranges.front()].offset_bytes;
    return moved_.find(range, found, expected, most);
  }

  // What a tensor and the base have in common; nothing if tensors are guesses.
  const Marks::Found& marks_of(size_t i) {
    if (i == marked_ || is_guessed(base_, result_)) return found_;
    if (!marks_) marks_.emplace(base_);
    found_ = marks_->find(result_, result_.manifest.ranges[i]);
    marked_ = i;
    return found_;
  }

  // Whether one in so many was found.
  static bool has_many(const Marks::Found& found, uint64_t one_in) {
    constexpr uint64_t kLeast = 4;
    return found.found >= std::max(found.seen / one_in, kLeast);
  }

  // What is guessed to be one tensor may be several, with something else between them.
  bool may_be_bytes(uint64_t length) const {
    constexpr uint64_t kMost = 4096;
    return length <= kMost && is_guessed(base_, result_);
  }

  // A tensor that is the whole of another one was found by its contents.
  TensorPlan describe(size_t i, const PartsPlan& parts) const {
    const size_t first = parts.base_ranges.front();
    const uint64_t cost = parts.cost / (8 * 1024);
    const bool is_whole = parts.steps.size() == 1 &&
                          parts.steps[0].kind == StepKind::predict &&
                          base_.manifest.ranges[first].length_bytes ==
                              result_.manifest.ranges[i].length_bytes;
    if (is_whole) return {i, {MatchKind::content, first}, "predict", cost, {}, {}, {}};
    return {i, {MatchKind::parts, first}, "parts", cost, {}, parts.base_ranges, {}};
  }

  // Samples are not exact, and what is told apart costs a little in the coder.
  static uint64_t clearly_less(uint64_t cost) { return cost - cost / 32; }

  // Adds a step for elements of tensor i from byte `at` on. Where they lie in it is of use
  // to the coder; of parts of other tensors, where they lie in those.
  void add_elements(size_t i, uint64_t at, Step step, bool is_part = false) {
    const Range& range = result_.manifest.ranges[i];
    if (step.kind != StepKind::copy) {
      step.dtype = range.dtype;
      step.place = place_of(range, at);
    }
    if (step.kind == StepKind::predict) {
      const Range& from = base_.manifest.ranges[range_at(base_, step.base_offset)];
      if (is_part && from.dtype == range.dtype)
        step.place = place_of(from, step.base_offset - from.offset_bytes);
      // What is converted to codes has their zero point.
      step.place.base_zero = zero_point_of(is_converted(step) ? range : from);
      step.place.result_zero = zero_point_of(range);
    }
    add(step);
  }

  void add(const Step& step) {
    planned_ += step.result_bytes;
    if (step.kind != StepKind::literal) {
      uint64_t base_bytes = 0;
      (void)predicting_bytes(step, step.result_bytes, &base_bytes);
      expected_ = std::min<uint64_t>(step.base_offset + base_bytes, base_.bytes().size());
    }
    plan_.steps.push_back(step);
  }

  const Model& base_;
  const Model& result_;
  const bool uses_permuted_;
  const RangeRelations relations_;
  const Contents contents_;
  std::vector<TensorMatch> matches_;
  std::vector<Twin> twins_;
  std::vector<std::optional<Derived>> derived_;
  ByteIndex index_;
  SearchBudget budget_;
  PickedTensors picked_;
  std::optional<PermutedTensors> permuted_;  // made when a tensor needs it
  std::optional<AnchorIndex> anchors_;       // likewise
  std::optional<Marks> marks_;               // likewise
  MovedTensors moved_;
  Marks::Found found_;                   // of tensor marked_
  size_t marked_ = SIZE_MAX;             // none
  size_t picks_left_ = size_t{1} << 23;  // that may be kept until all is planned
  Plan plan_;
  uint64_t planned_ = 0;   // bytes of the result that have a step
  uint64_t expected_ = 0;  // where in the base the next bytes probably are
};

}  // namespace

Plan make_plan(const Model& base, const Model& result, const PlanOptions& options) {
  return Planner(base, result, options).run();
}

}  // namespace mallorn::delta
