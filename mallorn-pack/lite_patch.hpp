// Patches of profile lite: one body, for devices of one slot or two.
#pragma once

#include "libcommon/core/patch_format.hpp"
#include "libcommon/output.hpp"
#include "mallorn-pack/arguments.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

// Writes the patch, `header` filled in. Throws as write_host_patch() does.
void write_lite_patch(DeltaSource& source, const Arguments& arguments, PatchHeader header,
                      Output& output);

}  // namespace mallorn::pack
