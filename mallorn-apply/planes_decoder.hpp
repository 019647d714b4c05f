// Decoder of codec 2 `planes` (docs/format/planes.md); inverse of
// mallorn-pack/planes_codec.hpp.
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// Fills `result` exactly, from all of `coded` and, if that was coded with one, the
// prediction `base`, which is as long as `result` or empty. corrupt_data if `coded` is not
// such a thing; then `result` holds anything. Allocates in proportion to the lengths of
// `coded` and `result`.
Status decode_planes(Dtype dtype, ByteView coded, ByteView base, ByteSpan result);

}  // namespace mallorn::apply
