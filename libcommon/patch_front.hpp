// What stands before the body of a patch: its header and its signatures.
#pragma once

#include <string>
#include <vector>

#include "libcommon/core/patch_signature.hpp"

namespace mallorn {

struct PatchFront {
  PatchHeader header;
  std::vector<uint8_t> header_bytes;  // as they stand in the file
  std::vector<PatchSignature> signatures;

  // Where the body begins.
  uint64_t length_bytes() const {
    return header_bytes.size() + signatures.size() * kPatchSignatureBytes;
  }
};

// Reads it from `fd`, up to the body; `name` is for messages. Throws Error as
// read_patch_header() says, Error(truncated) where it is cut short. Signatures are not
// checked: that takes keys.
PatchFront read_patch_front(int fd, const std::string& name);

}  // namespace mallorn
