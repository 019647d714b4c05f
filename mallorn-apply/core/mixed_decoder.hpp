// Decodes codec 7, `mixed` (docs/format/mixed.md).
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/mixed_model.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// Fills `result`, elements of `dtype`; `base` is as long, or empty. `model` is in any
// state.
Status decode_mixed(Dtype dtype, ByteView coded, ByteView base, MixedModel* model,
                    ByteSpan result);

}  // namespace mallorn::apply
