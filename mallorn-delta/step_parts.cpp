#include "mallorn-delta/step_parts.hpp"

#include <algorithm>
#include <utility>

#include "libcommon/lane_grid.hpp"

namespace mallorn::delta {
namespace {

// How many elements the result has for each index of its slowest axis.
uint64_t row_elements(const Permutation& permutation) {
  uint64_t row = 1;
  for (uint32_t i = 1; i < permutation.axes; ++i)
    row *= permutation.result_length(permutation.order[i]);
  return row;
}

// Keeps of the picks from the axis that is the slowest in the result those of the rows that
// a step has a part in.
void drop_picks_elsewhere(Step* step) {
  Permutation& permutation = step->permutation;
  const uint32_t axis = permutation.order[0];
  if (permutation.picked[axis] == 0) return;
  const uint64_t row = row_elements(permutation);
  const uint64_t elements = step->result_bytes / dtype_layout(step->dtype).block_bytes;
  const uint64_t first = permutation.first / row;
  const uint64_t end = (permutation.first + elements + row - 1) / row;
  const auto before = static_cast<ptrdiff_t>(permutation.picks_before(axis));
  const auto begin = step->picks.cbegin() + before;
  // No more room than they take: they stay until all is written.
  std::vector<uint32_t> kept;
  kept.reserve(step->picks.size() - permutation.picked[axis] + (end - first));
  kept.insert(kept.end(), step->picks.cbegin(), begin);
  kept.insert(kept.end(), begin + static_cast<ptrdiff_t>(first),
              begin + static_cast<ptrdiff_t>(end));
  kept.insert(kept.end(), begin + permutation.picked[axis], step->picks.cend());
  step->picks = std::move(kept);
  permutation.picked[axis] = static_cast<uint32_t>(end - first);
  permutation.first -= static_cast<uint32_t>(first * row);
}

}  // namespace

Step split_off(Step* step, uint64_t length) {
  Step first = *step;
  first.result_bytes = length;
  step->result_bytes -= length;
  uint64_t base_bytes = 0;  // only whole conversions are split off
  (void)predicting_bytes(*step, length, &base_bytes);
  const DtypeLayout& layout = dtype_layout(step->dtype);
  if (is_converted(*step) && has_lanes(step->conversion, step->dtype)) {
    const std::vector<uint8_t> whole = std::move(step->parameters);
    const LaneGrid grid = lane_grid_from_bytes(whole, step->conversion, step->dtype);
    const uint64_t elements = length / layout.block_bytes;
    first.parameters = part_of_lanes(grid, 0, elements);
    const uint64_t left = step->result_bytes / layout.block_bytes;
    if (left > 0) step->parameters = part_of_lanes(grid, elements, left);
  }
  if (step->place != TensorPlace{}) {
    step->place.first_element += length / layout.block_bytes * layout.block_elements;
  }
  if (is_permuted(*step)) {
    step->permutation.first += static_cast<uint32_t>(length / layout.block_bytes);
    drop_picks_elsewhere(&first);
    if (step->result_bytes > 0) {
      drop_picks_elsewhere(step);
    } else {
      step->picks = {};
    }
  } else if (step->kind != StepKind::literal) {
    step->base_offset += base_bytes;
  }
  return first;
}

uint64_t bytes_with_picks(const Step& step, uint64_t count) {
  const Permutation& permutation = step.permutation;
  const uint32_t slowest = permutation.picked[permutation.order[0]];
  const uint64_t others = step.picks.size() - slowest;
  if (others > count) return 0;
  if (slowest == 0) return step.result_bytes;
  const uint64_t row = row_elements(permutation);
  const uint64_t end = permutation.first / row + (count - others);  // of rows
  const uint64_t elements = end * row - std::min<uint64_t>(permutation.first, end * row);
  return std::min(elements * dtype_layout(step.dtype).block_bytes, step.result_bytes);
}

uint64_t unit_bytes(const Step& step) {
  if (step.kind == StepKind::copy) return 1;
  return is_converted(step) ? conversion_unit(step.conversion, step.dtype)
                            : dtype_layout(step.dtype).block_bytes;
}

std::vector<Step> part_steps(std::vector<Step> steps, const std::vector<uint64_t>& cuts) {
  std::vector<Step> parts;
  uint64_t at = 0;
  auto cut = cuts.begin();
  for (Step& step : steps) {
    const uint64_t end = at + step.result_bytes;
    for (; cut != cuts.end() && *cut < end; ++cut) {
      const bool is_possible = *cut > at && !may_end_early(step);
      if (!is_possible || (*cut - at) % unit_bytes(step) != 0) continue;
      parts.push_back(split_off(&step, *cut - at));
      at = *cut;
    }
    parts.push_back(std::move(step));
    at = end;
  }
  return parts;
}

}  // namespace mallorn::delta
