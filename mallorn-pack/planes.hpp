// Elements to planes: the forward transforms of codec 2 (docs/format/planes.md, section 5).
#pragma once

#include <vector>

#include "libcommon/core/block_fields.hpp"

namespace mallorn::pack {

// The planes of `dtype` one after the other, most significant byte first, then the bytes
// after the last whole block; as many bytes as `result` has. `base` has as many, too, and
// is read unless the mode is `direct`. The mode must be one that has_mode() allows.
std::vector<uint8_t> split_planes(Dtype dtype, PlaneMode mode, ByteView base,
                                  ByteView result);

}  // namespace mallorn::pack
