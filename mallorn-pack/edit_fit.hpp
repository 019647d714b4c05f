// Finds what is to be expected of the elements of an array, given those of the base: that
// they stay, or that some become one of few values (docs/format/edits.md).
#pragma once

#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/edit_model.hpp"

namespace mallorn::pack {

struct EditFit {
  EditPiece piece;
  uint64_t same = 0;     // elements that are those of the base
  uint64_t special = 0;  // elements that become a special value, as is expected
};

// `base` and `result` are as long as one another, of whole elements, one or more. Of a
// sample, intervals count that would not be worth what they cost in as few elements.
EditFit fit_edits(const ValueType& type, ByteView base, ByteView result,
                  bool is_sample = false);

}  // namespace mallorn::pack
