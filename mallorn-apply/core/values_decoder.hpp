// Decodes codec 4, `values` (docs/format/values.md).
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/core/value_model.hpp"
#include "mallorn-apply/core/piece_watch.hpp"

namespace mallorn::apply {

// Fills `result` from `coded` and `base`, which is as long, or empty. `model`, in any
// state, is memory to work with; `watch`, if given, sees each piece. corrupt_data, and
// `result` partly written, if `dtype` has neither value_type() nor half_type(), if lengths
// differ, or if the data is damaged.
Status decode_values(Dtype dtype, ByteView coded, ByteView base, ValueModel* model,
                     ByteSpan result, PieceWatch* watch = nullptr);
// The same for a type that no dtype has, too.
Status decode_values(const ValueType& type, ByteView coded, ByteView base,
                     ValueModel* model, ByteSpan result, PieceWatch* watch = nullptr);

}  // namespace mallorn::apply
