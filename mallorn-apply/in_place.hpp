// Makes the new model out of the old one in the old one's place. At any moment the file is
// the old model, the new one, or something that its journal makes either of.
#pragma once

#include <functional>
#include <string>

#include "mallorn-apply/rebuild.hpp"

namespace mallorn::apply {

struct UpdatedInPlace {
  PatchFront front;         // of the patch
  bool was_done = false;    // there was nothing to do
  uint64_t resumed_at = 0;  // units done by runs before
  uint64_t units = 0;       // of all
  uint64_t stash_bytes = 0;
  uint64_t undo_bytes = 0;     // what the way back to the old model takes
  uint64_t journal_bytes = 0;  // what the journal took of the disk
  std::vector<SpentOn> spent;  // when the patch was tried out
};

struct UpdateOptions {
  RebuildOptions rebuild;
  // Whether there shall be a way back to the old model until the new one is complete.
  bool has_undo = true;
  uint64_t plan_bytes = UINT64_MAX;  // of memory
};

// What a program has to know about a patch before it decodes anything, and which threads it
// may use; may throw.
using OptionsFor = std::function<UpdateOptions(const PatchReader& patch)>;

// Before a byte of `model` is touched all of the patch is tried out, as by rebuild()
// without an output. `patch` is a file that can be read at any place, from its beginning.
// Throws as rebuild() does; Error(cannot_open) for a model that is a symbolic link, no
// regular file or has several names; Error(interrupted) for failures of the system once the
// model has begun to change: called again, this goes on. An undo that was interrupted is
// finished first.
UpdatedInPlace update_in_place(const std::string& model, const Fd& patch,
                               const std::string& patch_name,
                               const OptionsFor& options_for);

// Has `model` be the old model again, of which update_in_place() has made a part of the new
// one. Only the header of `patch` is read, which says what both are. Throws
// Error(base_mismatch) if the model is the new one already, or there is no way back, and
// otherwise as update_in_place() does.
UpdatedInPlace undo_in_place(const std::string& model, const Fd& patch,
                             const std::string& patch_name);

}  // namespace mallorn::apply
