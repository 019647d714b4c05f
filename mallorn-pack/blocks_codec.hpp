// Encodes codec 3, `blocks` (docs/format/blocks.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::pack {

// `dtype` has a quant_grid(); `base` is as long as `result`.
std::vector<uint8_t> encode_blocks(Dtype dtype, ByteView base, ByteView result);

}  // namespace mallorn::pack
