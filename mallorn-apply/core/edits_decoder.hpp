// Decodes codec 8, `edits` (docs/format/edits.md).
#pragma once

#include <array>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/edit_model.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/core/value_model.hpp"

namespace mallorn::apply {

// Memory to work with, in any state.
struct EditsWorkspace {
  EditsWorkspace() {}  // not by default: what is not initialized is not zeroed either

  EditModel model;
  std::array<uint8_t, kMaxChunkCoded / 8> strange;  // a bit for each element
  std::array<uint8_t, kMaxChunkCoded / 8> other;
  std::array<uint8_t, kMaxChunkCoded> other_base;  // of others, joined
  std::array<uint8_t, kMaxChunkCoded> other_result;
};

// Fills `result` from `coded` and `base`, which is as long. `values`, in any state, is
// memory to work with, too. corrupt_data, and `result` partly written, if `dtype` has no
// edit_type(), if lengths differ, or if the data is damaged.
Status decode_edits(Dtype dtype, ByteView coded, ByteView base, EditsWorkspace* workspace,
                    ValueModel* values, ByteSpan result);

}  // namespace mallorn::apply
