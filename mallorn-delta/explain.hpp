// The plan as a table for people.
#pragma once

#include <string>

#include "mallorn-delta/plan.hpp"

namespace mallorn::delta {

// One line per tensor, and per vector of scales that follows from another: what it was
// matched to, how it is made, what that will roughly cost.
std::string explain(const Model& base, const Model& result, const Plan& plan);

}  // namespace mallorn::delta
