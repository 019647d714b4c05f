#include "libcommon/file_state.hpp"

#include "libcommon/error.hpp"

namespace mallorn {
namespace {

timespec clock_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

std::string seconds_text(const timespec& time) {
  const std::string nanoseconds = std::to_string(1'000'000'000 + time.tv_nsec);
  return std::to_string(time.tv_sec) + "." + nanoseconds.substr(1);
}

}  // namespace

std::string file_state(const struct stat& info, const timespec& now) {
  constexpr time_t kCoarsest = 2;  // seconds: FAT
  if (info.st_ctim.tv_sec >= now.tv_sec - kCoarsest) return {};
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) + ":" +
         seconds_text(info.st_mtim) + ":" + seconds_text(info.st_ctim);
}

std::string file_state(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? file_state(info, clock_now()) : "";
}

std::string file_state(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? file_state(info, clock_now()) : "";
}

void fail_changed(const std::string& name) {
  throw Error(Status::malformed, name + ": changed since it was parsed",
              "run the command again");
}

bool require_parsed(const MappedFile& file, uint64_t length_bytes, const Digest& digest,
                    const std::string& state) {
  if (file.bytes().size() != length_bytes) fail_changed(file.path());
  if (state.empty()) return false;
  if (is_same_state(file.state(), state)) return true;
  // It may have been touched, or written again as it was.
  if (sha256(file) != digest) fail_changed(file.path());
  return true;
}

}  // namespace mallorn
