#include "mallorn-pack/side_check.hpp"

#include "libcommon/file_state.hpp"

namespace mallorn::pack {

SideCheck::SideCheck(const MappedFile& file, const DeltaSide& side)
    : file_(file),
      digest_(side.digest),
      is_known_(require_parsed(file, side.length_bytes, side.digest, side.state)) {}

void SideCheck::require_unchanged(bool was_hashed) const {
  const bool had_digest = is_known_ || was_hashed;
  if (had_digest && is_same_state(file_.state(), file_state(file_.path()))) return;
  if (sha256(file_) != digest_) fail_changed(file_.path());
}

}  // namespace mallorn::pack
