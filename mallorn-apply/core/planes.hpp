// Planes to elements: the inverse transforms of codec 2 (docs/format/planes.md, section 5).
// The coding of each plane's bytes is no matter of this file.
#pragma once

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// Fills `result` from `planes`: the planes of `dtype` one after the other, then the bytes
// after the last whole block; as many bytes as `result` has. `base` has as many, too, and
// is read unless the mode is `direct`. None of the three may overlap another. corrupt_data,
// and `result` untouched, if lengths differ or `dtype` does not have that mode.
Status join_planes(Dtype dtype, PlaneMode mode, ByteView planes, ByteView base,
                   ByteSpan result);

}  // namespace mallorn::apply
