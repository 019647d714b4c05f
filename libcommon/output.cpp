#include "libcommon/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "libcommon/error.hpp"
#include "libcommon/part_file.hpp"

namespace mallorn {

namespace {

[[noreturn]] void refuse_special(const std::string& path) {
  throw Error(Status::cannot_create, path + ": exists and is not a regular file",
              path == "/dev/stdout" ? "- is standard output" : "");
}

// /dev/stdout and its kin are what the program was given, not files to be replaced, even
// where they lead to one.
bool is_link_to_descriptor(const std::string& path) {
  std::array<char, 64> text{};
  const ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  const std::string_view target(text.data(), length < 0 ? 0 : static_cast<size_t>(length));
  return target.starts_with("/proc/") || target.starts_with("/dev/");
}

[[noreturn]] void refuse_existing(const std::string& path) {
  throw Error(Status::cannot_create, path + ": exists", "use --force to replace it");
}

// What a regular file that is replaced is like; nothing of what is there otherwise. Throws
// Error(cannot_create) for what may not be replaced, with `force` or without.
std::optional<struct stat> require_replaceable(const std::string& path, bool force) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::nullopt;
    fail(Status::cannot_create, path, errno);
  }
  struct stat target {};
  const bool is_link = S_ISLNK(info.st_mode);
  const bool is_special_target =
      is_link && ((::stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode)) ||
                  is_link_to_descriptor(path));
  if ((!is_link && !S_ISREG(info.st_mode)) || is_special_target) refuse_special(path);
  if (!force) refuse_existing(path);
  return is_link ? std::nullopt : std::optional(info);
}

}  // namespace

Output::Output(const std::string& path, bool force, unsigned mode, Leftovers leftovers)
    : name_(path), force_(force) {
  if (path.empty() || path == "-") {
    is_stdout_ = true;
    name_ = "standard output";
    fd_ = Fd(STDOUT_FILENO);
    if (::isatty(STDOUT_FILENO) == 1) {
      throw Error(Status::usage, "will not write binary data to a terminal",
                  "redirect standard output, or name a file with -o");
    }
    return;
  }
  const std::optional<struct stat> replaced = require_replaceable(path, force);
  if (replaced) keep_access(*replaced, mode);
  const size_t slash = path.rfind('/');
  folder_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  // Until commit() it is not more open to others than what it replaces.
  if (access_) mode &= access_->mode;
  is_resumable_ = leftovers == Leftovers::adopt;
  if (is_resumable_) {
    adopt(mode);
  } else {
    remove_leftovers(folder_, path);
    open_temporary(mode);
  }
}

// What is left then allows what a new file in its place would, by umask and folder: who
// made it may have had others.
void Output::adopt(unsigned mode) {
  Part left = adopt_leftover(folder_, name_);
  remove_leftovers(folder_, name_);
  open_temporary(mode);
  struct stat fresh {};
  struct stat old {};
  if (left.fd.get() < 0 || ::fstat(fd_.get(), &fresh) != 0 ||
      ::fstat(left.fd.get(), &old) != 0 ||
      (fresh.st_mode != old.st_mode &&
       ::fchmod(left.fd.get(), fresh.st_mode & 07777) != 0)) {
    return;
  }
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  use(std::move(left));
}

void Output::keep_access(const struct stat& replaced, unsigned mode) {
  // Who may read may have been allowed to execute, too; but a secret stays one.
  const unsigned most = mode | ((mode >> 2) & 0111);
  access_ = {replaced.st_mode & most, replaced.st_uid, replaced.st_gid};
}

// Of a file of somebody else only root can keep the owner; where the group is lost, what it
// may do is not given to another.
void Output::give_access() {
  if (!access_) return;
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) fail(Status::io, name_, errno);
  unsigned mode = access_->mode;
  if (info.st_gid != access_->group &&
      ::fchown(fd_.get(), static_cast<uid_t>(-1), access_->group) != 0) {
    mode &= ~070u;
  }
  if (info.st_uid != access_->owner) {
    (void)!::fchown(fd_.get(), access_->owner, static_cast<gid_t>(-1));
  }
  if ((info.st_mode & 0777) != mode && ::fchmod(fd_.get(), mode) != 0) {
    fail(Status::io, name_, errno);
  }
}

void Output::open_temporary(unsigned mode) {
  fd_ = make_unnamed(folder_, name_, mode);
  if (fd_.get() < 0) use(make_part(name_, mode));
}

void Output::give_temporary_name() {
  std::string name = part_name(name_);
  if (link_to_descriptor(fd_.get(), name) != 0) fail(Status::cannot_create, name, errno);
  temporary_ = std::move(name);
}

void Output::use(Part&& part) {
  fd_ = std::move(part.fd);
  temporary_ = std::move(part.path);
}

Output::~Output() {
  if (is_stdout_) {
    (void)fd_.release();
  } else if (!is_committed_ && !is_kept_ && !temporary_.empty() &&
             is_file(fd_.get(), temporary_)) {
    ::unlink(temporary_.c_str());
  }
}

void Output::write(ByteView bytes) {
  is_synced_ = false;
  write_full(fd_.get(), bytes, name_);
  if (is_resumable_ && temporary_.empty() && !bytes.empty()) give_temporary_name();
}

uint64_t Output::held_bytes() const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) fail(Status::io, name_, errno);
  return static_cast<uint64_t>(info.st_size);
}

size_t Output::read_held(uint64_t offset, ByteSpan to) const {
  if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
    fail(Status::io, name_, errno);
  }
  return read_full(fd_.get(), to, name_);
}

void Output::go_on_at(uint64_t offset) {
  is_synced_ = false;
  if (::ftruncate(fd_.get(), static_cast<off_t>(offset)) != 0 ||
      ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
    fail(status_of_write_error(errno), name_, errno);
  }
}

bool Output::keep() {
  struct stat info {};
  is_kept_ =
      is_resumable_ && !is_committed_ && ::fstat(fd_.get(), &info) == 0 && info.st_size > 0;
  if (!is_kept_) return false;
  if (temporary_.empty()) give_temporary_name();  // its first piece was cut short
  // After a sync that failed the system may have bytes that the disk has not, and take
  // them for written. Who goes on is to see what the disk has.
  (void)::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return true;
}

void Output::reserve(uint64_t length) {
  // Of one that is gone on with, what fits is of use.
  if (is_stdout_ || is_resumable_ || length == 0) return;
  reserve_range(fd_.get(), 0, length, name_);
}

void Output::publish() {
  if (temporary_.empty()) {
    if (!force_) {  // link(2) never replaces: whoever created the name meanwhile keeps it
      if (link_to_descriptor(fd_.get(), name_) == 0) return;
      if (errno == EEXIST) refuse_existing(name_);
      fail(Status::cannot_create, name_, errno);
    }
    give_temporary_name();
  }
  if (!is_file(fd_.get(), temporary_)) {
    throw Error(Status::cannot_create,
                temporary_ + ": was removed or replaced while it was written");
  }
  int error = 0;
  if (!force_) {
    error = rename_to_free_name(fd_.get(), temporary_, name_);
  } else if (::rename(temporary_.c_str(), name_.c_str()) != 0) {
    error = errno;
  }
  if (error == EEXIST && !force_) refuse_existing(name_);
  if (error != 0) fail(Status::cannot_create, name_, error);
}

void Output::sync() {
  if (is_stdout_ || is_synced_) return;
  give_access();
  sync_file(fd_.get(), name_);
  is_synced_ = true;
}

void Output::commit() {
  if (is_stdout_) return;
  sync();
  // A folder that may be written but not read cannot be synced: the name then lasts as long
  // as the file system says.
  const Fd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  publish();
  is_committed_ = true;
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0) fail(Status::io, folder_, errno);
}

}  // namespace mallorn
