// Makes the new model out of the old one in the old one's place. At any moment the file is
// the old model, the new one, or something that its journal makes the new one of.
#pragma once

#include <functional>
#include <string>

#include "mallorn-apply/rebuild.hpp"

namespace mallorn::apply {

struct UpdatedInPlace {
  PatchFront front;         // of the patch
  bool was_new = false;     // there was nothing to do
  uint64_t resumed_at = 0;  // units done by runs before
  uint64_t units = 0;       // of all
  uint64_t stash_bytes = 0;
  uint64_t journal_bytes = 0;
  std::vector<SpentOn> spent;  // when the patch was tried out
};

// What a program has to know about a patch before it decodes anything, and which threads it
// may use: RebuildOptions for its header; may throw.
using OptionsFor = std::function<RebuildOptions(const PatchReader& patch)>;

// Before a byte of `model` is touched all of the patch is tried out, as by rebuild()
// without an output. `patch` is a file that can be read at any place, from its beginning.
// Throws as rebuild() does; Error(cannot_open) for a model that is a symbolic link, no
// regular file or has several names; Error(interrupted) for failures of the system once the
// model has begun to change: called again, this goes on.
UpdatedInPlace update_in_place(const std::string& model, const Fd& patch,
                               const std::string& patch_name,
                               const OptionsFor& options_for);

}  // namespace mallorn::apply
