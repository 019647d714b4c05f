// Decides how a tensor is made of parts of the base, and what that costs.
#pragma once

#include <optional>
#include <vector>

#include "libcommon/delta_stream.hpp"
#include "mallorn-delta/part_match.hpp"

namespace mallorn::delta {

// One step's worth of a tensor; the steps of a plan tile it.
struct PartStep {
  StepKind kind = StepKind::literal;
  uint64_t length = 0;       // bytes
  uint64_t base_offset = 0;  // unless literal
};

struct PartsPlan {
  std::vector<PartStep> steps;
  std::vector<size_t>
      base_ranges;    // that they come from, in that order, each once, at most 8
  uint64_t cost = 0;  // roughly, in 1/1024 bit
};

// Nothing if no part of `range` of the result is worth naming a place in the base.
std::optional<PartsPlan> plan_parts(const Model& base, const AnchorIndex& index,
                                    const Model& result, const Range& range,
                                    const std::vector<uint64_t>& expected);

}  // namespace mallorn::delta
