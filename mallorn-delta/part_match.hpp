// Finds parts of a tensor in the base: rows that were merged, split, inserted, removed or
// put in another order, and may have been fine-tuned as well.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/anchor_index.hpp"

namespace mallorn::delta {

// Some bytes of a tensor, whole blocks but for a ragged end, and those of the base that
// they resemble.
struct Part {
  uint64_t offset = 0;       // in the tensor
  uint64_t length = 0;       // bytes
  bool has_base = false;     // false: nothing in the base resembles them
  uint64_t base_offset = 0;  // in the base
};

// Parts that tile `range` of the result, in order: seeds that have the signs of an anchor,
// or continue one of the places `expected` of the base (where the range or the rest of it
// may be found), are extended as long as signs agree by more than chance. Time linear in
// the length of the range, but for a bounded number of candidates for each element.
std::vector<Part> find_parts(const Model& base, const AnchorIndex& index,
                             const Model& result, const Range& range,
                             const std::vector<uint64_t>& expected);

}  // namespace mallorn::delta
