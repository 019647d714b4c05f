// Files that are not finished: what they are called, and what becomes of those that a
// killed process has left.
#pragma once

#include <string>

#include "libcommon/file.hpp"

namespace mallorn {

// What a file is called before it has its name: `name`.part.PID, after this process.
std::string part_name(const std::string& name);

// Removes what processes have left that were killed while they made a file called `name` in
// `folder`. Where process numbers are not what they seem, as with a folder that machines
// share, a living process may lose its file: it then fails, and nothing is damaged.
void remove_leftovers(const std::string& folder, const std::string& name);

// The longest of such files, now called part_name(name), open for reading and writing; none
// (a descriptor below 0) if there is none that can be trusted to be no one else's: a
// regular file of this user, with one name. What it holds may be anything.
Fd adopt_leftover(const std::string& folder, const std::string& name);

}  // namespace mallorn
