// ModelFile: the model that an update in place changes, held and locked.
#pragma once

#include <array>
#include <string>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/file.hpp"

namespace mallorn::apply {

class ModelFile {
 public:
  // Throws Error(cannot_open) for what is no regular file, is reached by a symbolic link,
  // has several names, or is being updated by another process.
  explicit ModelFile(const std::string& name);

  const Fd& fd() const { return fd_; }
  const std::string& name() const { return name_; }
  // Whether it has this length and SHA-256. Throws Error(io).
  bool holds(uint64_t length, const std::array<uint8_t, kDigestBytes>& digest) const;
  // Whether it begins with so many bytes of this SHA-256. Throws Error(io).
  bool begins_with(uint64_t length, const std::array<uint8_t, kDigestBytes>& digest) const;
  // Has the disk keep room behind its end, `from`, so that a full disk shows before it is
  // changed. Throws Error(no_space, io).
  void reserve(uint64_t from, uint64_t to) const;
  // Throws Error(io).
  void set_length(uint64_t length) const;
  void sync() const { sync_file(fd_.get(), name_); }

 private:
  std::string name_;
  Fd fd_;
};

}  // namespace mallorn::apply
