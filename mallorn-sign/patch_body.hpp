// The body of a patch: checked as a whole before anyone gets to see a byte of it.
#pragma once

#include <string>

#include "libcommon/patch_front.hpp"
#include "libcommon/spool.hpp"

namespace mallorn::sign {

// Reads the rest of a patch from `fd` into `body` (null: only checks it). No more is kept
// than the header declares. Throws Error(truncated), Error(trailing_bytes),
// Error(corrupt_data) if it is not the body that the header names.
void read_patch_body(int fd, const std::string& name, const PatchHeader& header,
                     Spool* body);

// Writes a patch and commits it; the header's number of signatures becomes theirs.
void write_patch(const PatchFront& front, const Spool& body, Output& output);

}  // namespace mallorn::sign
