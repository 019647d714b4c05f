// Finds what the elements of a matrix follow from: their neighbours, the base
// (docs/format/mixed.md, "Expectation").
//
// Floating point is used as in value_fit.hpp: what is found is the same on every machine.
#pragma once

#include "libcommon/core/mixed_model.hpp"

namespace mallorn::pack {

// What a decoder needs to know of `result`, elements of `type` whose rows have
// `row_elements`, along the fastest axis `channels` (0: not known). `base` is as long, or
// empty. `zero` is what stands for zero.
MixedPiece fit_mixed(const ValueType& type, uint64_t row_elements, uint64_t channels,
                     int32_t zero, ByteView base, ByteView result);

}  // namespace mallorn::pack
