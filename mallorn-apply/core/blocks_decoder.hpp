// Decodes codec 3, `blocks` (docs/format/blocks.md).
#pragma once

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "mallorn-apply/core/piece_watch.hpp"

namespace mallorn::apply {

// Fills `result` from `coded` and `base`, which is as long. `model`, in any state, is
// memory to work with; `watch`, if given, sees each piece. corrupt_data, and `result`
// partly written, if `dtype` has no grid, if there is no base, or if the data is damaged.
Status decode_blocks(Dtype dtype, ByteView coded, ByteView base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch = nullptr);

}  // namespace mallorn::apply
