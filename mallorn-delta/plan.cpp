#include "mallorn-delta/plan.hpp"

#include <algorithm>

#include "libcommon/derivation.hpp"
#include "mallorn-delta/best_conversion.hpp"
#include "mallorn-delta/best_lanes.hpp"
#include "mallorn-delta/byte_match.hpp"
#include "mallorn-delta/plan_parts.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {
namespace {

// Tensors shorter than this are coded with the bytes around them: on their own they would
// cost more in bookkeeping than prediction saves.
constexpr uint64_t kMinTensorBytes = 64;

// An array that says where the elements of a sparse tensor belong. Two of them, indices and
// segments, tell more together than each alone.
bool is_sparsity(const Range& range) {
  return range.kind == RangeKind::tensor &&
         (range.role == "indices" || range.role == "segments");
}

// True for ranges that are coded element by element; all others are bytes.
bool is_elements(const Range& range) {
  return range.kind == RangeKind::tensor && range.dtype != Dtype::opaque &&
         (range.length_bytes >= kMinTensorBytes || is_sparsity(range));
}

ByteView bytes_of(const Model& model, const Range& range) {
  return model.bytes().subspan(static_cast<size_t>(range.offset_bytes),
                               static_cast<size_t>(range.length_bytes));
}

// What of the base is worth searching for bytes: everything that is not elements, or
// everything if the result has ranges that no parser understood.
std::vector<ByteRange> searchable(const Model& base, const Model& result) {
  const bool is_raw = base.manifest.format == "raw" || result.manifest.format == "raw";
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
      : options_(options),
        base_(base),
        result_(result),
        matches_(match_tensors(base.manifest, result.manifest,
                               [this](const Range& from, const Range& range) {
                                 return distance(from, range);
                               })),
        derived_(find_derived(base, result)),
        index_(base.bytes(), searchable(base, result)) {}

  Plan run() {
    const std::vector<Range>& ranges = result_.manifest.ranges;
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (derived_[i]) {
        plan_bytes(ranges[i].offset_bytes);
        plan_derived(i);
        continue;
      }
      if (is_channel_vector(ranges[i]) && predicts_vector(i)) {
        plan_bytes(ranges[i].offset_bytes);
        plan_elements(i);
        continue;
      }
      if (!is_elements(ranges[i]) && ranges[i].length_bytes < kMinTensorBytes) continue;
      if (matches_[i].kind == MatchKind::digest) {
        plan_bytes(ranges[i].offset_bytes);
        plan_copy(i);
      } else if (is_elements(ranges[i])) {
        plan_bytes(ranges[i].offset_bytes);
        plan_elements(i);
      }
    }
    plan_bytes(result_.manifest.length_bytes);
    keep_sparsity_whole();
    plan_.steps = grow_copies(std::move(plan_.steps), base_.bytes(), result_.bytes());
    return std::move(plan_);
  }

 private:
  // Whether a channel vector is coded as elements: equal ones are copied with the bytes
  // around them, and without a counterpart bytes are as good.
  bool predicts_vector(size_t i) const {
    if (matches_[i].kind == MatchKind::none) return false;
    const Range& range = result_.manifest.ranges[i];
    const Range& from = base_.manifest.ranges[matches_[i].base_range];
    if (from.length_bytes != range.length_bytes) return false;
    const ByteView old = bytes_of(base_, from);
    return !std::ranges::equal(old, bytes_of(result_, range)) &&
           relate_ranges(from, range, range.length_bytes).is_related;
  }

  // Everything between planned_ and `end` that no tensor's plan covers.
  void plan_bytes(uint64_t end) {
    if (planned_ == end) return;
    const ByteView bytes = result_.bytes().subspan(static_cast<size_t>(planned_),
                                                   static_cast<size_t>(end - planned_));
    for (const Segment& segment : match_bytes(base_.bytes(), index_, bytes, expected_)) {
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

  // Only tensors worth predicting: others match by shape or not at all.
  std::optional<uint64_t> distance(const Range& from, const Range& range) const {
    if (!is_elements(range) && !is_channel_vector(range)) return {};
    if (from.dtype == range.dtype) {
      const Relation relation = relate_ranges(from, range, range.length_bytes);
      return relation.is_related ? std::optional(relation.cost) : std::nullopt;
    }
    const auto converted = convert_range(from, range);
    if (!converted || !converted->relation.is_related) return {};
    return converted->relation.cost;
  }

  // How a range of another dtype predicts one of the result.
  std::optional<ConvertedRelation> convert_range(const Range& from,
                                                 const Range& range) const {
    const ByteView base = bytes_of(base_, from);
    const ByteView result = bytes_of(result_, range);
    auto converted = best_lanes(from, base, range, result);
    if (!converted) converted = best_conversion(from.dtype, base, range.dtype, result);
    base_.file->release(from.offset_bytes, from.length_bytes);
    result_.file->release(range.offset_bytes, range.length_bytes);
    return converted;
  }

  // How the first `length` bytes of two ranges are related.
  Relation relate_ranges(const Range& from, const Range& range, uint64_t length) const {
    const Relation relation =
        relate(range.dtype, bytes_of(base_, from).first(static_cast<size_t>(length)),
               bytes_of(result_, range).first(static_cast<size_t>(length)));
    base_.file->release(from.offset_bytes, from.length_bytes);
    result_.file->release(range.offset_bytes, range.length_bytes);
    return relation;
  }

  void plan_copy(size_t i) {
    const Range& from = base_.manifest.ranges[matches_[i].base_range];
    Step step;
    step.kind = StepKind::copy;
    step.result_bytes = from.length_bytes;
    step.base_offset = from.offset_bytes;
    add(step);
    plan_.tensors.push_back({i, matches_[i], "copy", 0, {}, {}});
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
        {i, {}, "derived", derived_[i]->estimated_bytes, derived_[i], {}});
  }

  void plan_elements(size_t i) {
    const Range& range = result_.manifest.ranges[i];
    const TensorMatch match = matches_[i];
    Step step;  // predicts leading bytes that have a counterpart worth looking at
    step.result_bytes = 0;
    Relation relation;
    if (match.kind != MatchKind::none) {
      const Range& from = base_.manifest.ranges[match.base_range];
      step.kind = StepKind::predict;
      step.base_offset = from.offset_bytes;
      relation = relate_elements(from, range, &step);
    }
    if (plan_parts_of(i, step, relation)) return;
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
    plan_.tensors.push_back({i, match, method, estimate(range, relation), {}, {}});
  }

  // Plans a tensor that has no good match, part by part, where that is better than `step`
  // for its leading bytes, which have the relation, and its other bytes on their own. False
  // if it is not.
  bool plan_parts_of(size_t i, const Step& step, const Relation& relation) {
    const Range& range = result_.manifest.ranges[i];
    if (range.kind != RangeKind::tensor || is_sparsity(range) || has_good_match(i, step))
      return false;
    if (!anchors_) anchors_.emplace(base_);
    std::vector<uint64_t> expected;
    if (matches_[i].kind != MatchKind::none) {
      const Range& from = base_.manifest.ranges[matches_[i].base_range];
      if (from.dtype == range.dtype) expected.push_back(from.offset_bytes);
    }
    expected.push_back(expected_);
    const auto parts = plan_parts(base_, *anchors_, result_, range, expected);
    result_.file->release(range.offset_bytes, range.length_bytes);
    if (!parts || parts->cost >= clearly_less(cost_of(range, step, relation))) return false;
    uint64_t at = 0;
    for (const PartStep& part : parts->steps) {
      Step made;
      made.kind = part.kind;
      made.result_bytes = part.length;
      made.base_offset = part.base_offset;
      add_elements(i, at, made, true);
      at += part.length;
    }
    plan_.tensors.push_back(describe(i, *parts));
    return true;
  }

  // A tensor that is the whole of another one was found by its contents.
  TensorPlan describe(size_t i, const PartsPlan& parts) const {
    const size_t first = parts.base_ranges.front();
    const uint64_t cost = parts.cost / (8 * 1024);
    const bool is_whole = parts.steps.size() == 1 &&
                          parts.steps[0].kind == StepKind::predict &&
                          base_.manifest.ranges[first].length_bytes ==
                              result_.manifest.ranges[i].length_bytes;
    if (is_whole) return {i, {MatchKind::content, first}, "predict", cost, {}, {}};
    return {i, {MatchKind::parts, first}, "parts", cost, {}, parts.base_ranges};
  }

  // Samples are not exact, and what is told apart costs a little in the coder.
  static uint64_t clearly_less(uint64_t cost) { return cost - cost / 32; }

  // Whether a tensor as long as its counterpart resembles it everywhere.
  bool has_good_match(size_t i, const Step& step) const {
    const Range& range = result_.manifest.ranges[i];
    if (step.result_bytes == 0 || step.predictor == Predictor::distant) return false;
    if (is_converted(step)) return true;
    const Range& from = base_.manifest.ranges[matches_[i].base_range];
    return from.length_bytes == range.length_bytes &&
           agree_throughout(range.dtype, bytes_of(base_, from), bytes_of(result_, range));
  }

  // What `step` and the rest of a range cost, in 1/1024 bit.
  uint64_t cost_of(const Range& range, const Step& step, const Relation& relation) const {
    const uint64_t unit = relation_unit(range.dtype);
    const ByteView bytes = bytes_of(result_, range);
    const uint64_t direct = relate(range.dtype, bytes, bytes).direct;
    const uint64_t predicted = relation.is_related ? step.result_bytes / unit : 0;
    return predicted * relation.cost + (range.length_bytes / unit - predicted) * direct;
  }

  // How the elements of two ranges are related, and how much of `range` a step is to
  // predict by those of `from`: nothing if it does not pay.
  Relation relate_elements(const Range& from, const Range& range, Step* step) const {
    if (from.dtype != range.dtype) {
      const auto converted = convert_range(from, range);
      if (!converted) return {};
      step->predictor = Predictor::converted;
      step->conversion = converted->conversion;
      step->parameters = converted->grid;
      if (converted->relation.is_related) step->result_bytes = converted->result_bytes;
      return converted->relation;
    }
    const uint64_t common = common_bytes(from, range);
    const Relation relation = relate_ranges(from, range, common);
    if (relation.is_related && is_apt(range, common, relation)) {
      step->result_bytes = common;
    } else if (options_.uses_distant && !is_sparsity(range)) {
      step->predictor = Predictor::distant;
      step->result_bytes = common;
    }
    return relation;
  }

  // Indices and segments that are neighbours, but for a gap between them.
  void keep_sparsity_whole() {
    const std::vector<Range>& ranges = result_.manifest.ranges;
    const Range* before = nullptr;  // the array before, unless it has its partner
    for (const Range& range : ranges) {
      if (range.kind != RangeKind::tensor) continue;
      const bool is_array = is_sparsity(range);
      if (is_array && before != nullptr && before->role != range.role) {
        const uint64_t begin = before->offset_bytes;
        plan_.whole.push_back({begin, range.offset_bytes + range.length_bytes - begin});
        before = nullptr;
      } else {
        before = is_array ? &range : nullptr;
      }
    }
  }

  // Half an array of a sparse tensor is no array any more, and as a mask an index takes
  // some three bits: only what is predicted whole, and better than that, is predicted.
  static bool is_apt(const Range& range, uint64_t common, const Relation& relation) {
    constexpr uint64_t kMaskCost = 3 * 1024;
    if (!is_sparsity(range)) return true;
    const uint64_t cost = relation.cost * dtype_layout(range.dtype).block_bytes;
    return common == range.length_bytes && cost < kMaskCost;
  }

  // Tensors may have grown or shrunk: whole blocks that both have.
  static uint64_t common_bytes(const Range& from, const Range& range) {
    if (from.length_bytes >= range.length_bytes) return range.length_bytes;
    return from.length_bytes - from.length_bytes % dtype_layout(range.dtype).block_bytes;
  }

  // What a tensor will roughly cost in the patch; without a relation, its own bytes.
  static uint64_t estimate(const Range& range, const Relation& relation) {
    if (relation.cost == 0) return relation.is_related ? 0 : range.length_bytes;
    return range.length_bytes / relation_unit(range.dtype) * relation.cost / (8 * 1024);
  }

  // The one zero point of a tensor, or 0: those of channels are 0 in all formats we know.
  static int32_t zero_point(const Range& range) {
    const std::vector<int64_t>& points = range.quantization.zero_points;
    if (points.size() != 1 || points[0] < -128 || points[0] > 255) return 0;
    return static_cast<int32_t>(points[0]);
  }

  // Where the element at byte `at` of a tensor lies.
  static TensorPlace place_of(const Range& range, uint64_t at) {
    const DtypeLayout& layout = dtype_layout(range.dtype);
    TensorPlace place;
    place.first_element = at / layout.block_bytes * layout.block_elements;
    place.result_zero = zero_point(range);
    uint64_t elements = 1;
    for (size_t i = range.shape.size(); i-- > 0;) {
      const uint64_t length = range.shape[i];
      if (length < 2) continue;
      if (place.column_elements == 0) place.column_elements = length;
      place.row_elements = elements;
      if (!checked_mul(elements, length, &elements)) return {};
    }
    return place;
  }

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
      step.place.base_zero = zero_point(is_converted(step) ? range : from);
      step.place.result_zero = zero_point(range);
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

  const PlanOptions options_;
  const Model& base_;
  const Model& result_;
  std::vector<TensorMatch> matches_;
  std::vector<std::optional<Derived>> derived_;
  ByteIndex index_;
  std::optional<AnchorIndex> anchors_;  // made when a tensor needs it
  Plan plan_;
  uint64_t planned_ = 0;   // bytes of the result that have a step
  uint64_t expected_ = 0;  // where in the base the next bytes probably are
};

}  // namespace

Plan make_plan(const Model& base, const Model& result, const PlanOptions& options) {
  return Planner(base, result, options).run();
}

}  // namespace mallorn::delta
