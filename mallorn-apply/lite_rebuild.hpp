// Rebuilds the result of a patch of profile lite, with the decoder that devices run.
#pragma once

#include <functional>

#include "libcommon/file.hpp"
#include "mallorn-apply/patch_reader.hpp"

namespace mallorn::apply {

// Gives the result to `write`, piece by piece, and reads `patch` up to its end. Keeps all
// of the result in memory, as steps may look back at it. Throws Error(corrupt_data,
// limit_exceeded) for what the decoder refuses.
void rebuild_lite(PatchReader& patch, ByteView base,
                  const std::function<void(ByteView)>& write);

}  // namespace mallorn::apply
