// BaseCheck: hashes the base in the background and says whether it is the one a patch is
// for.
#pragma once

#include <future>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/file.hpp"

namespace mallorn::apply {

class BaseCheck {
 public:
  // Begins hashing; a base of the wrong length is refused at once. Both must outlive this.
  BaseCheck(const MappedFile& base, const PatchHeader& header);
  // Waits; throws Error(base_mismatch) if the digest is another. May be called again.
  void require_match();
  // Hashes the base once more. Throws Error(base_mismatch) if it has changed meanwhile:
  // what was made of it is no fault of the patch.
  void require_unchanged() const;

 private:
  const MappedFile& base_;
  const PatchHeader& header_;
  std::shared_future<Digest> digest_;
};

}  // namespace mallorn::apply
