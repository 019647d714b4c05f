// Files that are not finished: what they are called, and what becomes of those that a
// killed process has left.
#pragma once

#include <string>

#include "libcommon/file.hpp"

namespace mallorn {

// What a file is called before it has its name: `name`.mallorn-part.NUMBER, a number at
// random, since processes that share a folder may have the same. Of a name that leaves no
// room for that, the beginning and a check of all of it.
std::string part_name(const std::string& name);

// Marks an unfinished file as being worked on, as long as it is open; false if it is so by
// another, with errno EWOULDBLOCK, or cannot be marked. A mark, since process numbers are
// used again, and mean nothing to another machine.
bool hold_part(int fd);

// Makes a new file part_name(name), open for reading and writing, marked if that is
// possible. Throws Error(cannot_create).
struct Part {
  Fd fd{};
  std::string path{};
};
Part make_part(const std::string& name, unsigned mode);

// The same without a name, in `folder`: it vanishes when nobody has it open any more,
// however this program ends. None (a descriptor below 0) where no such file can be made, or
// named later.
Fd make_unnamed(const std::string& folder, const std::string& name, unsigned mode);

// Names it, unless the name is taken. Returns 0, or -1 with an errno.
int link_to_descriptor(int fd, const std::string& name);

// Removes what processes have left that were killed while they made a file called `name` in
// `folder`: regular files of this user, with one name, that nobody works on. What has just
// been made and is not marked yet may go, too: make_part() then makes another.
void remove_leftovers(const std::string& folder, const std::string& name);

// The longest of such files, marked, open for reading and writing; none (a descriptor below
// 0) if there is none. What it holds may be anything.
Part adopt_leftover(const std::string& folder, const std::string& name);

// Whether `path`, which is not followed if it is a symbolic link, is the file open as `fd`.
bool is_file(int fd, const std::string& path);

// Renames the file `from`, open as `fd`, to `to`, unless that exists, also where the file
// system or the system has no call that does both. Returns 0 or an errno: EEXIST above all.
int rename_to_free_name(int fd, const std::string& from, const std::string& to);

}  // namespace mallorn
