// The plan for people: as a table, or as notes in the stream.
#pragma once

#include <string>
#include <vector>

#include "mallorn-delta/plan.hpp"

namespace mallorn::delta {

// One line per tensor, and per vector of scales that follows from another: what it was
// matched to, how it is made, what that will roughly cost.
std::string explain(const Model& base, const Model& result, const Plan& plan);

// The same tensors and vectors, in the order of the result: what they are, and what they
// were matched to.
std::vector<TensorNote> make_notes(const Model& base, const Model& result,
                                   const Plan& plan);

}  // namespace mallorn::delta
