// Codec 2 `planes`: elements to planes, each plane coded on its own
// (docs/format/planes.md). Its mirror is mallorn-apply/planes_decoder.hpp.
#pragma once

#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::pack {

// The coded form of `result`: elements of `dtype`, then perhaps bytes that fill no element;
// of any length. `base`, the prediction, has the same length or is empty. `level` is
// zstd's, 1 to 19. Never longer than `result` by more than kPlanesGrowth bytes.
std::vector<uint8_t> encode_planes(Dtype dtype, ByteView base, ByteView result, int level);

inline constexpr size_t kPlanesGrowth = 16;

}  // namespace mallorn::pack
