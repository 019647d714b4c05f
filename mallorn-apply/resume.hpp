// Applying a patch so that it can be taken up again where it stopped.
#pragma once

#include "mallorn-apply/rebuild.hpp"

namespace mallorn::apply {

// rebuild() for an `output` with a name of its own (Output::Leftovers::adopt). What fails
// by the system, or by a signal, leaves the unfinished file for the next run, and is then
// Error(interrupted). So does a patch that comes by a pipe and ends too early. A file that
// was there before is left, too, if the base is wrong or the patch cut short.
Rebuilt rebuild_resumably(PatchReader& patch, const MappedFile& base, Output& output,
                          const RebuildOptions& options);

}  // namespace mallorn::apply
