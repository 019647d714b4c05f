// Whether a file that is read by reference is, all the time, the one that was parsed.
#pragma once

#include <sys/stat.h>

#include <ctime>

#include "libcommon/digest.hpp"
#include "libcommon/file.hpp"

namespace mallorn::pack {

class SideCheck {
 public:
  // `file` has just been opened, and outlives this; `digest` is what it had when it was
  // parsed. Throws Error(malformed) if its length is another than `length_bytes`.
  SideCheck(const MappedFile& file, uint64_t length_bytes, const Digest& digest);

  // Once all has been read: throws Error(malformed) if the file was changed since. It is
  // not hashed for that if it is `known` to have had its digest when it was opened, and
  // still has the time stamps it had then.
  void require_unchanged(bool is_known) const;
  // Whether it has surely been what it is since `start`, by its time stamps and its name.
  bool is_older_than(const timespec& start) const;

 private:
  const MappedFile& file_;
  Digest digest_;
  struct stat opened_ {};
};

// Throws Error(malformed) that says that `name` was changed.
[[noreturn]] void fail_changed(const std::string& name);

}  // namespace mallorn::pack
