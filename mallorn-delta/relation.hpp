// Tells whether a tensor resembles its old version: whether coding the difference costs less than
// coding the new values on their own.
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::delta {

struct Relation {
  bool is_related = false;
  double bits_per_element = 0;  // rough cost of the cheaper way
};

// Compares a bounded sample of `base` and `result` (of equal length, elements of `dtype`). For
// blocks of several elements, bits per element are per byte.
Relation relate(Dtype dtype, ByteView base, ByteView result);

}  // namespace mallorn::delta
