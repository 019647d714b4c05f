// Decodes codec 5, `mask` (docs/format/mask.md).
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/mask_model.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// Fills `result` from `coded`. `model`, in any state, is memory to work with. corrupt_data,
// and `result` partly written, if `dtype` is not opaque, if there is a base, or if the data
// is damaged.
Status decode_mask(Dtype dtype, ByteView coded, ByteView base, MaskModel* model,
                   ByteSpan result);

}  // namespace mallorn::apply
