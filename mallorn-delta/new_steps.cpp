#include "mallorn-delta/new_steps.hpp"

#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {

Step step_of(const Segment& segment) {
  Step step;
  step.kind = segment.is_copy    ? StepKind::copy
              : segment.has_base ? StepKind::predict
                                 : StepKind::literal;
  step.result_bytes = segment.length;
  if (!segment.has_base) return step;
  step.predictor = Predictor::bytes;
  step.base_offset = segment.base_offset;
  return step;
}

Step elements_step(const Model& base, const Range& range, uint64_t at, Step step,
                   bool is_part) {
  if (step.kind != StepKind::copy) {
    step.dtype = range.dtype;
    step.place = place_of(range, at);
  }
  if (step.kind == StepKind::predict) {
    const Range& from = base.manifest.ranges[range_at(base, step.base_offset)];
    if (is_part && from.dtype == range.dtype)
      step.place = place_of(from, step.base_offset - from.offset_bytes);
    // What is converted to codes has their zero point.
    step.place.base_zero = zero_point_of(is_converted(step) ? range : from);
    step.place.result_zero = zero_point_of(range);
  }
  return step;
}

}  // namespace mallorn::delta
