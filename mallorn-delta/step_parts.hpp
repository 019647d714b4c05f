// Steps that are cut in two: each part makes its bytes as the whole did.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/delta_stream.hpp"

namespace mallorn::delta {

// Of how many bytes each part of a step has a whole number.
uint64_t unit_bytes(const Step& step);

// The first `length` bytes of `step`, whole units, which keeps the rest. Not for steps that
// may_end_early().
Step split_off(Step* step, uint64_t length);

// How many bytes a permuted step begins with, whole elements, that need no more picks.
uint64_t bytes_with_picks(const Step& step, uint64_t count);

// The steps of the result, cut at offsets of it that are given in order; where a step
// cannot be cut, it is not.
std::vector<Step> part_steps(std::vector<Step> steps, const std::vector<uint64_t>& cuts);

}  // namespace mallorn::delta
