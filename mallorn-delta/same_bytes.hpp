// Compares ranges of models that may be larger than the memory.
#pragma once

#include <cstdint>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// Whether `one` has at `begin` what `other` has at `other_begin`, for `length` bytes. Both
// ranges lie within their models, which may be one and the same.
bool has_same_bytes(const Model& one, uint64_t begin, const Model& other,
                    uint64_t other_begin, uint64_t length);

}  // namespace mallorn::delta
