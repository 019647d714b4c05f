#include "libcommon/part_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <vector>

namespace mallorn {
namespace {

constexpr std::string_view kPart = ".part.";

struct Leftover {
  std::string path;
  pid_t process = 0;
};

// The unfinished files of `name`, whosoever they are.
std::vector<Leftover> parts_of(const std::string& folder, const std::string& name) {
  const std::string prefix =
      name.substr(name.rfind('/') + 1) + std::string(kPart);  // npos + 1 is 0
  std::vector<Leftover> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(prefix)) continue;
    const std::string number = file.substr(prefix.size());
    pid_t process = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), process);
    const bool is_number = error == std::errc() && end == number.data() + number.size();
    if (is_number && process > 0) found.push_back({entry.path().string(), process});
  }
  return found;
}

bool is_dead(pid_t process) { return ::kill(process, 0) != 0 && errno == ESRCH; }

// 0 as well for what is no regular file.
off_t length_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : 0;
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

}  // namespace

std::string part_name(const std::string& name) {
  return name + std::string(kPart) + std::to_string(::getpid());
}

void remove_leftovers(const std::string& folder, const std::string& name) {
  for (const Leftover& each : parts_of(folder, name)) {
    if (is_dead(each.process)) ::unlink(each.path.c_str());
  }
}

Fd adopt_leftover(const std::string& folder, const std::string& name) {
  // This process has made none yet: one with its number is of an earlier process.
  std::vector<std::pair<off_t, std::string>> dead;
  for (const Leftover& each : parts_of(folder, name)) {
    if (each.process != ::getpid() && !is_dead(each.process)) continue;
    if (const off_t length = length_of(each.path)) dead.emplace_back(length, each.path);
  }
  std::sort(dead.rbegin(), dead.rend());
  for (const auto& [length, path] : dead) {
    // Of several processes that want it, one succeeds in renaming it.
    const std::string mine = part_name(name);
    if (::rename(path.c_str(), mine.c_str()) != 0) continue;
    Fd fd = open_own_file(mine);
    if (fd.get() >= 0) return fd;
    ::unlink(mine.c_str());
  }
  return Fd();
}

}  // namespace mallorn
