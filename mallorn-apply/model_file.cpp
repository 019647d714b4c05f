#include "mallorn-apply/model_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"

namespace mallorn::apply {
namespace {

// Locked, so that two updates do not meet. A symbolic link or a further name would let the
// journal be beside another name, and change what others take for theirs.
Fd open_model(const std::string& name) {
  Fd fd(::open(name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    throw Error(
        Status::cannot_open,
        name + ": " + (errno == ELOOP ? "is a symbolic link" : std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode))
    throw Error(Status::cannot_open, name + ": not a regular file");
  if (info.st_nlink != 1) {
    throw Error(Status::cannot_open,
                name + ": has other names, which would change as well");
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(Status::cannot_open, name + ": is being updated by another process");
  }
  return fd;
}

// Of the first `length` bytes, or of what there is of them.
Digest digest_of(const Fd& fd, uint64_t length, const std::string& name) {
  std::vector<uint8_t> window(1u << 20);
  Sha256 hash;
  for (uint64_t at = 0;;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(window.size(), length - at));
    const size_t count = read_full_at(fd.get(), at, ByteSpan(window).first(wanted), name);
    if (count == 0) return hash.finish();
    hash.update(ByteView(window).first(count));
    at += count;
  }
}

}  // namespace

ModelFile::ModelFile(const std::string& name) : name_(name), fd_(open_model(name)) {}

bool ModelFile::holds(uint64_t length,
                      const std::array<uint8_t, kDigestBytes>& digest) const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) {
    throw Error(Status::io, name_ + ": " + std::strerror(errno));
  }
  return static_cast<uint64_t>(info.st_size) == length && begins_with(length, digest);
}

bool ModelFile::begins_with(uint64_t length,
                            const std::array<uint8_t, kDigestBytes>& digest) const {
  return digest_of(fd_, length, name_) == digest;
}

void ModelFile::reserve(uint64_t from, uint64_t to) const {
  if (to > from) reserve_range(fd_.get(), from, to - from, name_);
}

void ModelFile::set_length(uint64_t length) const {
  if (::ftruncate(fd_.get(), static_cast<off_t>(length)) != 0) {
    throw Error(Status::io, name_ + ": " + std::strerror(errno));
  }
}

}  // namespace mallorn::apply
