// What tells whether a file is as it was, without its bytes being read.
#pragma once

#include <sys/stat.h>

#include <ctime>
#include <string>

#include "libcommon/digest.hpp"

namespace mallorn {

constexpr size_t kMaxStateBytes = 128;

// The state of a file as streams by reference have it (docs/format/stream.md, section 8):
// as long as it is the same, nobody has written to the file. Empty, which is no state, if
// the file was changed just before `now`: clocks of files are coarse, and what is written
// next might bear the same time.
std::string file_state(const struct stat& info, const timespec& now);

// That of the file of this name, now; empty if there is none.
std::string file_state(const std::string& path);
std::string file_state(int fd);

// Whether both are states, and the same.
inline bool is_same_state(const std::string& a, const std::string& b) {
  return !a.empty() && a == b;
}

// Of a file that a stream names: throws Error(malformed) if it has another length than when
// it was parsed, or another state and another digest. True if it had that digest when it
// was mapped; false if there was no state, and nothing is known.
bool require_parsed(const MappedFile& file, uint64_t length_bytes, const Digest& digest,
                    const std::string& state);

// Throws Error(malformed) that says that the file `name` was changed.
[[noreturn]] void fail_changed(const std::string& name);

}  // namespace mallorn
