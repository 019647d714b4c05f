// What the picks of a tensor's axes make of it: whether its elements resemble those of the
// base that were picked, and what that costs.
#pragma once

#include <optional>
#include <vector>

#include "libcommon/core/permutation.hpp"
#include "mallorn-delta/axis_match.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {

struct PickedMatch {
  Permutation permutation{};
  std::vector<uint32_t> picks;
  Relation relation;
  uint64_t picks_cost = 0;  // in 1/1024 bit
};

// The first axis that has several indices, or the last one.
size_t slowest_of(const AxisPair& pair);

// The match that the picks of the axes make; nothing if its elements do not resemble those
// of the base, or chunks would need too many picks. Looks at a bounded sample of elements.
std::optional<PickedMatch> picked_match(const AxisPair& pair);

}  // namespace mallorn::delta
