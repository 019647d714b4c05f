// What mallorn-apply can be asked to do. Each returns an exit code, and throws Error.
#pragma once

#include "mallorn-apply/arguments.hpp"

namespace mallorn::apply {

// Makes the result: on standard output or in a file, which gets its name when it is
// complete.
int apply_patch(const Arguments& arguments);

// The same, but writes nothing. What is wrong with the base or the patch is an answer here,
// not a failure to give one.
int verify_patch(const Arguments& arguments);

// Makes the base itself the result, or, with --undo, what it was.
int update_in_place(const Arguments& arguments);

// Prints what the patch holds.
int show_info(const Arguments& arguments);

}  // namespace mallorn::apply
