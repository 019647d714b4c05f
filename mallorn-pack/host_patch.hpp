// Patches of profile host: chunks by several threads, or the whole result by itself.
#pragma once

#include "libcommon/core/patch_format.hpp"
#include "libcommon/output.hpp"
#include "mallorn-pack/arguments.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

// Writes the patch, `header` filled in; what --explain and --verbose ask for goes to
// standard error. Throws Error for a stream or files that are damaged, or change meanwhile.
void write_host_patch(DeltaSource& source, const Arguments& arguments, PatchHeader header,
                      Output& output);

}  // namespace mallorn::pack
