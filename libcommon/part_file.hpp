// Files that are not finished: what they are called, and what becomes of those that a
// killed process has left.
#pragma once

#include <string>

#include "libcommon/file.hpp"

namespace mallorn {

// What a file is called before it has its name: `name`.mallorn-part.PID, after this
// process.
std::string part_name(const std::string& name);

// Marks an unfinished file as being worked on, as long as it is open; false if it is so by
// another. A mark, since process numbers are used again.
bool hold_part(int fd);

// Removes what processes have left that were killed while they made a file called `name` in
// `folder`: regular files of this user, with one name, that nobody works on. A file that is
// made at this moment, and not marked yet, may be lost to its process, which then fails.
void remove_leftovers(const std::string& folder, const std::string& name);

// The longest of such files, now called part_name(name), marked, open for reading and
// writing; none (a descriptor below 0) if there is none. What it holds may be anything.
Fd adopt_leftover(const std::string& folder, const std::string& name);

// Whether `path`, which is not followed if it is a symbolic link, is the file open as `fd`.
bool is_file(int fd, const std::string& path);

// Renames the file `from`, open as `fd`, to `to`, unless that exists, also where the file
// system or the system has no call that does both. Returns 0 or an errno: EEXIST above all.
int rename_to_free_name(int fd, const std::string& from, const std::string& to);

}  // namespace mallorn
