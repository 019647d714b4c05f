// Finds how a tensor of the base that is of another dtype predicts one of the result.
#pragma once

#include <optional>
#include <vector>

#include "libcommon/core/conversion.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {

struct ConvertedRelation {
  Conversion conversion;
  uint64_t result_bytes = 0;    // that are converted: what both have, in whole units
  Relation relation;            // of these, converted, to those of the result
  std::vector<uint8_t> grid{};  // if it has lanes: lane_grid_to_bytes()
};

// The conversion that comes nearest, by a bounded sample; nothing if there is none from
// `from` to `to`, or no whole unit.
std::optional<ConvertedRelation> best_conversion(Dtype from, ByteView base, Dtype to,
                                                 ByteView result);

}  // namespace mallorn::delta
