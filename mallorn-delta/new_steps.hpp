// The steps that what has been found becomes.
#pragma once

#include "libcommon/delta_stream.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/byte_match.hpp"

namespace mallorn::delta {

// How the bytes of a segment are made.
Step step_of(const Segment& segment);

// `step`, which makes elements of `range` of the result from byte `at` on, with what is of
// use to the coder: where they lie in their tensor, and zero points. Elements that were
// part of other tensors are told by where they lie in those.
Step elements_step(const Model& base, const Range& range, uint64_t at, Step step,
                   bool is_part = false);

}  // namespace mallorn::delta
