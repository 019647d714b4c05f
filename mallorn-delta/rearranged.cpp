#include "mallorn-delta/rearranged.hpp"

#include <algorithm>
#include <utility>

#include "mallorn-delta/new_steps.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kByteCost = 8 * 1024;  // in the unit of costs

// Whether one in so many was found.
bool has_many(const Marks::Found& found, uint64_t one_in) {
  constexpr uint64_t kLeast = 4;
  return found.found >= std::max(found.seen / one_in, kLeast);
}

bool has_match(const StrayTensor& tensor) { return tensor.match.kind != MatchKind::none; }

// A step that has all elements of a tensor from one of the base.
Step permuted_step(const Range& from, const Range& range, const Permutation& permutation) {
  Step step;
  step.kind = StepKind::predict;
  step.predictor = Predictor::permuted;
  step.result_bytes = range.length_bytes;
  step.base_offset = from.offset_bytes;
  step.permutation = permutation;
  return step;
}

Rearranged by_bytes(const StrayTensor& tensor, MovedBytes moved) {
  const uint64_t cost = moved.cost / kByteCost;
  return {{}, std::move(moved.segments), {tensor.range, {}, "bytes", cost, {}, {}, {}}};
}

}  // namespace

std::optional<Rearranged> RearrangedTensors::find(const StrayTensor& tensor,
                                                  uint64_t most) {
  std::optional<Picked> picked;
  if (uses_permuted_) {
    if (auto permuted = find_permuted(tensor, most)) return permuted;
    picked = find_picked(tensor, most);
  }
  if (picked && picked->cost < most / 64) return by_picks(tensor, std::move(*picked));
  // Where much is new, others may say better what.
  uint64_t least = picked ? clearly_less(picked->cost) : most;
  const std::optional<PartsPlan> parts = find_parts_of(tensor, least);
  if (parts) least = clearly_less(parts->cost);
  // Picks cost less than samples say where what is new comes in runs.
  if (picked && !parts) least -= least / 4;
  if (auto moved = find_moved(tensor, least)) return by_bytes(tensor, std::move(*moved));
  if (parts) return by_parts(tensor, *parts);
  if (picked) return by_picks(tensor, std::move(*picked));
  return {};
}

// By a tensor whose axes stand in another order.
std::optional<Rearranged> RearrangedTensors::find_permuted(const StrayTensor& tensor,
                                                           uint64_t most) {
  const Range& range = range_of(tensor);
  if (!permuted_) permuted_.emplace(base_, result_);
  const auto found = permuted_->find(range);
  if (!found) return {};
  const Range& from = base_.manifest.ranges[found->base_range];
  const Step step = permuted_step(from, range, found->permutation);
  if (relations_.cost_of(range, step, found->relation) >= most) return {};
  const bool is_namesake = !range.names.empty() && range.names == from.names;
  const MatchKind kind = is_namesake ? MatchKind::name : MatchKind::content;
  return Rearranged{{elements_step(base_, range, 0, step)},
                    {},
                    {tensor.range,
                     {kind, found->base_range},
                     "permute",
                     estimated_bytes(range, found->relation),
                     {},
                     {},
                     found->permutation}};
}

// By its match, else by the tensor that has most of its elements.
std::optional<RearrangedTensors::Picked> RearrangedTensors::find_picked(
    const StrayTensor& tensor, uint64_t most) {
  const Range& range = range_of(tensor);
  if (has_match(tensor)) {
    auto picked = find_picked_from(range, tensor.match, most);
    if (picked) return picked;
  }
  const Marks::Found& found = marks_of(tensor);
  if (!has_many(found, 16)) return {};
  const TensorMatch other = {MatchKind::content, found.ranges.front()};
  if (has_match(tensor) && other.base_range == tensor.match.base_range) return {};
  return find_picked_from(range, other, most);
}

std::optional<RearrangedTensors::Picked> RearrangedTensors::find_picked_from(
    const Range& range, const TensorMatch& match, uint64_t most) {
  auto found = picked_.find(base_.manifest.ranges[match.base_range], range);
  if (!found) return {};
  Step step;
  step.result_bytes = range.length_bytes;
  const uint64_t cost =
      found->picks_cost + relations_.cost_of(range, step, found->relation);
  if (cost >= most || found->picks.size() > picks_left_) return {};
  return Picked{match, std::move(*found), cost};
}

Rearranged RearrangedTensors::by_picks(const StrayTensor& tensor, Picked picked) {
  const Range& range = range_of(tensor);
  const Range& from = base_.manifest.ranges[picked.match.base_range];
  Step step = permuted_step(from, range, picked.picks.permutation);
  step.picks = std::move(picked.picks.picks);
  picks_left_ -= step.picks.size();
  return {{elements_step(base_, range, 0, std::move(step))},
          {},
          {tensor.range,
           picked.match,
           "permute",
           estimated_bytes(range, picked.picks.relation),
           {},
           {},
           picked.picks.permutation}};
}

// Part by part, where that costs less than `most`.
std::optional<PartsPlan> RearrangedTensors::find_parts_of(const StrayTensor& tensor,
                                                          uint64_t most) {
  const Range& range = range_of(tensor);
  if (!anchors_) anchors_.emplace(base_);
  std::vector<uint64_t> expected;
  if (has_match(tensor)) {
    const Range& from = base_.manifest.ranges[tensor.match.base_range];
    if (from.dtype == range.dtype) expected.push_back(from.offset_bytes);
  }
  expected.push_back(tensor.expected);
  auto parts = plan_parts(base_, *anchors_, result_, range, expected);
  result_.file->release(range.offset_bytes, range.length_bytes);
  return parts && parts->cost < most ? std::move(parts) : std::nullopt;
}

Rearranged RearrangedTensors::by_parts(const StrayTensor& tensor,
                                       const PartsPlan& parts) const {
  Rearranged made;
  uint64_t at = 0;
  for (const PartStep& part : parts.steps) {
    Step step;
    step.kind = part.kind;
    step.result_bytes = part.length;
    step.base_offset = part.base_offset;
    made.elements.push_back(elements_step(base_, range_of(tensor), at, step, true));
    at += part.length;
  }
  made.plan = describe(tensor, parts);
  return made;
}

// A tensor that is the whole of another one was found by its contents.
TensorPlan RearrangedTensors::describe(const StrayTensor& tensor,
                                       const PartsPlan& parts) const {
  const size_t first = parts.base_ranges.front();
  const uint64_t cost = parts.cost / kByteCost;
  const bool is_whole =
      parts.steps.size() == 1 && parts.steps[0].kind == StepKind::predict &&
      base_.manifest.ranges[first].length_bytes == range_of(tensor).length_bytes;
  if (is_whole)
    return {tensor.range, {MatchKind::content, first}, "predict", cost, {}, {}, {}};
  return {tensor.range, {MatchKind::parts, first}, "parts", cost,
          {},           parts.base_ranges,         {}};
}

// Of bytes that have moved, where that costs less than `most`: with elements inserted here
// and there, others look like new ones.
std::optional<MovedBytes> RearrangedTensors::find_moved(const StrayTensor& tensor,
                                                        uint64_t most) {
  constexpr uint64_t kFew = 64;  // the share of a tensor that is worth no search
  constexpr uint64_t kNew = 4;   // that is new where few marks are left, at least
  // What resembles its match has not moved, whatever has become of a few rows.
  if (tensor.resembles_match) return {};
  const Range& range = range_of(tensor);
  if (most / kByteCost < range.length_bytes / kFew) return {};
  if (is_guessed(base_, result_)) return moved_.find(range, {}, tensor.expected, most);
  const Marks::Found& found = marks_of(tensor);
  if (!has_many(found, 8)) return {};
  const uint64_t strange = (found.seen - found.found) * range.length_bytes / found.seen;
  if (strange / kNew * kByteCost >= most) return {};
  const uint64_t expected = base_.manifest.ranges[found.ranges.front()].offset_bytes;
  return moved_.find(range, found, expected, most);
}

// What a tensor and the base have in common; nothing if tensors are guesses.
const Marks::Found& RearrangedTensors::marks_of(const StrayTensor& tensor) {
  if (tensor.range == marked_ || is_guessed(base_, result_)) return found_;
  if (!marks_) marks_.emplace(base_);
  found_ = marks_->find(result_, range_of(tensor));
  marked_ = tensor.range;
  return found_;
}

}  // namespace mallorn::delta
