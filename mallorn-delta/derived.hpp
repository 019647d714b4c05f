// Finds vectors of the result that follow from others of it: in quantized models the scales
// of biases are those of weights times that of the input, the largest weight is 127 scales.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/twins.hpp"

namespace mallorn::delta {

// Number by number: that of the range is that of the source times the factor, or near it.
struct Derived {
  size_t source_range = 0;       // of the result, as long
  uint32_t factor = 0;           // binary32
  uint64_t estimated_bytes = 0;  // of the patch, roughly
};

// Whether a range is such a vector by its type and length.
bool may_be_derived(const Range& range);

// One entry per range of the result: what it is best derived from, where that is cheaper
// than bytes. By content, whatever the graph says. Vectors that the base has are left
// alone: they are copied. Sources are known before what follows from them: they are not
// derived, or they come first. The other of `twins`, which the first makes, is neither
// derived nor a source. Near-linear: a vector is compared with a bounded number of others
// as long.
std::vector<std::optional<Derived>> find_derived(const Model& base, const Model& result,
                                                 const std::vector<Twin>& twins = {});

}  // namespace mallorn::delta
