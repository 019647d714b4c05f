#include "libcommon/part_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string_view>
#include <vector>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn {
namespace {

constexpr std::string_view kPart = ".mallorn-part.";
constexpr size_t kMaxName = 255;   // NAME_MAX of almost all file systems
constexpr size_t kMaxNumber = 10;  // digits
constexpr size_t kCheckBytes = 9;  // a mark and eight digits

// What all parts of `name` are called, but for their numbers. Cut between characters: some
// file systems take nothing but UTF-8.
std::string prefix_of(const std::string& name) {
  const size_t begin = name.rfind('/') + 1;  // npos + 1 is 0
  std::string file = name.substr(begin);
  if (file.size() + kPart.size() + kMaxNumber > kMaxName) {
    size_t end = kMaxName - kPart.size() - kMaxNumber - kCheckBytes;
    while (end > 0 && (static_cast<uint8_t>(file[end]) & 0xC0) == 0x80) --end;
    const uint32_t check =
        fast_crc32c(0, {reinterpret_cast<const uint8_t*>(file.data()), file.size()});
    std::array<char, kCheckBytes + 1> text{};
    std::snprintf(text.data(), text.size(), "~%08x", static_cast<unsigned>(check));
    file = file.substr(0, end) + text.data();
  }
  return name.substr(0, begin) + file + std::string(kPart);
}

// The unfinished files of `name`, whosoever they are: those that part_name() can have
// named. Of a folder that cannot be read, or not to its end, those that are found.
std::vector<std::string> parts_of(const std::string& folder, const std::string& name) {
  const std::string path = prefix_of(name);
  const std::string prefix = path.substr(path.rfind('/') + 1);
  std::vector<std::string> found;
  std::error_code fault;  // a ++ without it would throw
  std::filesystem::directory_iterator entry(folder, fault);
  for (; entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
    const std::string file = entry->path().filename().string();
    if (!file.starts_with(prefix)) continue;
    const std::string number = file.substr(prefix.size());
    int32_t value = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), value);
    const bool is_number = error == std::errc() && number == std::to_string(value);
    if (is_number && value > 0) found.push_back(entry->path().string());
  }
  return found;
}

// O_NONBLOCK: a FIFO in its place must not be waited for.
Fd open_own_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  const bool is_own = fd.get() >= 0 && ::fstat(fd.get(), &info) == 0 &&
                      S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
                      info.st_nlink == 1;
  return is_own ? std::move(fd) : Fd();
}

// The same if no process is at work on it.
Fd open_left_file(const std::string& path) {
  Fd fd = open_own_file(path);
  return fd.get() >= 0 && hold_part(fd.get()) ? std::move(fd) : Fd();
}

off_t length_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_size : 0;
}

// Whether a call is one that this system, or this file system, does not have.
bool is_unknown_call(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

// The name is taken by an empty file, which the rename replaces. Who finds that file in the
// short time that it is there may lose what they write to it: not the file of somebody who
// came first.
int rename_over_own_file(const std::string& from, const std::string& to) {
  const Fd taken(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (taken.get() < 0) return errno;
  if (::rename(from.c_str(), to.c_str()) == 0) return 0;
  const int error = errno;
  if (is_file(taken.get(), to)) ::unlink(to.c_str());
  return error;
}

std::string path_of_descriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// Whether open descriptors have names here that a file without one can be linked by.
bool can_name_descriptor(int fd) {
  struct stat named {};
  struct stat open {};
  return ::stat(path_of_descriptor(fd).c_str(), &named) == 0 && ::fstat(fd, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

}  // namespace

bool is_file(int fd, const std::string& path) {
  struct stat one {};
  struct stat other {};
  return ::fstat(fd, &one) == 0 && ::lstat(path.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

std::string part_name(const std::string& name) {
  std::random_device random;
  return prefix_of(name) + std::to_string((random() & INT32_MAX) | 1);
}

bool hold_part(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB) == 0; }

Fd make_unnamed(const std::string& folder, const std::string& name, unsigned mode) {
  Fd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (fd.get() < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    fail(Status::cannot_create, name, errno);
  }
  if (fd.get() < 0 || !can_name_descriptor(fd.get())) return Fd();
  (void)hold_part(fd.get());  // for the moment when it has a name, and not its own
  return fd;
}

int link_to_descriptor(int fd, const std::string& name) {
  return ::linkat(AT_FDCWD, path_of_descriptor(fd).c_str(), AT_FDCWD, name.c_str(),
                  AT_SYMLINK_FOLLOW);
}

void remove_leftovers(const std::string& folder, const std::string& name) {
  for (const std::string& path : parts_of(folder, name)) {
    const Fd fd = open_left_file(path);
    if (fd.get() >= 0 && is_file(fd.get(), path)) ::unlink(path.c_str());
  }
}

Part make_part(const std::string& name, unsigned mode) {
  constexpr int kAttempts = 100;
  for (int i = 0; i < kAttempts; ++i) {
    std::string path = part_name(name);
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0 && errno == EEXIST) continue;
    if (fd.get() < 0) fail(Status::cannot_create, path, errno);
    // Between this open and the mark another run may have taken it for a leftover.
    const bool is_taken = !hold_part(fd.get()) && errno == EWOULDBLOCK;
    if (!is_taken && is_file(fd.get(), path)) return {std::move(fd), std::move(path)};
  }
  throw Error(Status::cannot_create, name + ": others remove its unfinished files");
}

Part adopt_leftover(const std::string& folder, const std::string& name) {
  Part longest;
  for (const std::string& path : parts_of(folder, name)) {
    Fd fd = open_left_file(path);
    if (fd.get() < 0 || length_of(fd.get()) <= length_of(longest.fd.get())) continue;
    if (is_file(fd.get(), path)) longest = {std::move(fd), path};
  }
  return longest;
}

int rename_to_free_name(int fd, const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
    return 0;
  if (!is_unknown_call(errno)) return errno;
  // Network file systems, old kernels. A server that was asked twice, since its first
  // answer was lost, says of its own work that it exists.
  if (::link(from.c_str(), to.c_str()) == 0 || (errno == EEXIST && is_file(fd, to))) {
    ::unlink(from.c_str());
    return 0;
  }
  return is_unknown_call(errno) ? rename_over_own_file(from, to) : errno;
}

}  // namespace mallorn
