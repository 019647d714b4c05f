// Encodes codec 5, `mask` (docs/format/mask.md), and finds out where it can be used.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/mask_model.hpp"

namespace mallorn::pack {

struct ArrayView {
  Dtype dtype = Dtype::opaque;
  ByteView bytes;
};

// The mask that two arrays stand for, in the order in which they lie in the result. Nothing
// if they are not the indices and segments of a sparse tensor, in either order, that
// decoding would make again byte for byte, or if the mask is beyond the limits.
std::optional<MaskShape> find_mask(const ArrayView& first, const ArrayView& second);

// `result` is the arrays of all `masks`, joined; find_mask() has told their shapes. Their
// cells together are at most kMaxMaskCells.
std::vector<uint8_t> encode_mask(const std::vector<MaskShape>& masks, ByteView result);

}  // namespace mallorn::pack
