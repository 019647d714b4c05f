// Vectors of floats that follow from each other, arranged for a device: it knows those of
// the base, and those that it has made before.
#pragma once

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

// Gives every derived piece of `plan` a source that a device can read. Where a source comes
// later than what follows from it, the two change places: numbers that are multiples of
// others are so both ways, but for rounding.
void arrange_derived(LitePlan* plan);

}  // namespace mallorn::pack
