// The commands of mallorn-sign.
#pragma once

#include "mallorn-sign/arguments.hpp"

namespace mallorn::sign {

void make_keys(const Arguments& arguments);
void sign_patch(const Arguments& arguments);
// Throws Error(bad_signature) for a patch that may not be used; not a byte has been
// written.
void verify_patch(const Arguments& arguments);
void print_key_id(const Arguments& arguments);

}  // namespace mallorn::sign
