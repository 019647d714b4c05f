// Whether a file that is read by reference is, all the time, the one that was parsed.
#pragma once

#include "libcommon/delta_stream.hpp"
#include "libcommon/file.hpp"

namespace mallorn::pack {

class SideCheck {
 public:
  // `file` has just been opened, and outlives this. Throws Error(malformed) if it is known
  // to be another than `side` says.
  SideCheck(const MappedFile& file, const DeltaSide& side);

  // Whether it had its digest when it was opened; else it is to be hashed.
  bool is_known() const { return is_known_; }

  // Once all has been read: throws Error(malformed) if the file was changed since. It is
  // not hashed for that if it had its digest, which `was_hashed` says as well, and is in
  // the state that it was in then.
  void require_unchanged(bool was_hashed) const;

 private:
  const MappedFile& file_;
  Digest digest_;
  bool is_known_;
};

}  // namespace mallorn::pack
