// Encodes codec 9, `grid` (docs/format/grid.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

// `parts` are what `result` consists of; `base` is as long, or empty. Nothing, if `dtype`
// is not f32, if a part is not whole elements, or if few elements lie on a grid.
std::vector<uint8_t> encode_grid(Dtype dtype, const std::vector<SectionPart>& parts,
                                 ByteView base, ByteView result);

}  // namespace mallorn::pack
