// Tells whether a tensor resembles its old version: whether coding the difference costs
// less than coding the new values on their own.
#pragma once

#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::delta {

struct Relation {
  bool is_related = false;
  uint64_t cost = 0;  // of the cheaper way, roughly, in 1/1024 bit per element
};

// Compares a bounded sample of `base` and `result` (of equal length, elements of `dtype`).
// For blocks of several elements, the cost is per byte.
Relation relate(Dtype dtype, ByteView base, ByteView result);

}  // namespace mallorn::delta
