// Tells whether a tensor resembles its old version: whether coding the difference costs
// less than coding the new values on their own.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::delta {

struct Relation {
  bool is_related = false;
  uint64_t cost = 0;    // of the cheaper way, roughly, in 1/1024 bit per relation_unit()
  uint64_t direct = 0;  // of the new values on their own, likewise
};

// The bytes whose coding a relation tells the cost of: an element for floats, else one.
uint64_t relation_unit(Dtype dtype);

// Compares a bounded sample of `base` and `result` (of equal length, elements of `dtype`,
// in rows of so many, if that is known).
Relation relate(Dtype dtype, ByteView base, ByteView result, uint64_t row_elements = 0);

// The same of blocks that are quantized from weights, as many as their elements, in
// binary32.
Relation relate_weights(Dtype dtype, const std::vector<uint32_t>& weights, ByteView result);

}  // namespace mallorn::delta
