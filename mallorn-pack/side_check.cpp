#include "mallorn-pack/side_check.hpp"

#include <algorithm>
#include <filesystem>

#include "libcommon/error.hpp"

namespace mallorn::pack {
namespace {

bool is_equal(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool is_equal(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         is_equal(a.st_mtim, b.st_mtim) && is_equal(a.st_ctim, b.st_ctim);
}

}  // namespace

void fail_changed(const std::string& name) {
  throw Error(Status::malformed, name + ": changed since it was parsed",
              "run the command again");
}

SideCheck::SideCheck(const MappedFile& file, uint64_t length_bytes, const Digest& digest)
    : file_(file), digest_(digest) {
  if (file.bytes().size() != length_bytes || ::stat(file.path().c_str(), &opened_) != 0) {
    fail_changed(file.path());
  }
}

bool SideCheck::is_older_than(const timespec& start) const {
  // Clocks of files are coarse, and those of servers not ours. What a link leads to may
  // have been switched.
  constexpr time_t kMargin = 2;
  std::error_code ignored;
  const std::filesystem::path path = file_.path();
  return opened_.st_ctim.tv_sec + kMargin < start.tv_sec &&
         std::filesystem::canonical(path, ignored) ==
             std::filesystem::absolute(path, ignored).lexically_normal();
}

void SideCheck::require_unchanged(bool is_known) const {
  struct stat now {};
  const bool is_there = ::stat(file_.path().c_str(), &now) == 0;
  if (is_known && is_there && is_equal(opened_, now)) return;
  if (sha256(file_) != digest_) fail_changed(file_.path());
}

}  // namespace mallorn::pack
