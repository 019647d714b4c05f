// A library to be preloaded: lets one system call of a program go wrong. For tests of what
// is left behind.
//
//   FAULT_PROGRAM   whose calls are counted: the name of the process; others are let alone
//   FAULT_AT        which call goes wrong, counted from 1; without it none does
//   FAULT_KIND      an error (EIO, ENOSPC, EDQUOT, ENOMEM, EINTR); `short`: reads and
//   writes move
//                   half of what they should; `kill`, `killed`: the process ends by SIGKILL
//                   before the call, or after it; `term`: it gets a SIGTERM after it
//   FAULT_COUNT     a file that gets a line for each call: its name
//   FAULT_LACKS     what the file system has not: words of tmpfile (O_TMPFILE), rename
//                   (flags of renameat2), link, lock (flock), proc (/proc is empty), and
//                   readdir: folders cannot be read to their end
//
// Counted are the calls that open, read, write, map, sync, name and close files, by either
// name that those with large offsets have: a build must not choose one for us.
#undef _FILE_OFFSET_BITS
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_counted_program() {
  char name[32] = {};
  const int fd = static_cast<int>(real<int (*)(const char*, int, ...)>("open")(
      "/proc/self/comm", O_RDONLY | O_CLOEXEC));
  if (fd < 0) return false;
  const ssize_t count =
      real<ssize_t (*)(int, void*, size_t)>("read")(fd, name, sizeof(name) - 1);
  real<int (*)(int)>("close")(fd);
  if (count > 0 && name[count - 1] == '\n') name[count - 1] = '\0';
  return std::strcmp(name, setting("FAULT_PROGRAM")) == 0;
}

void note_call(const char* call) {
  const char* path = setting("FAULT_COUNT");
  if (*path == '\0') return;
  const int fd = real<int (*)(const char*, int, ...)>("open")(
      path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  char line[64];
  const int length = std::snprintf(line, sizeof(line), "%s\n", call);
  (void)!real<ssize_t (*)(int, const void*, size_t)>("write")(fd, line,
                                                              static_cast<size_t>(length));
  real<int (*)(int)>("close")(fd);
}

bool lacks(const char* what) {
  static const bool is_counted = is_counted_program();
  return is_counted && std::strstr(setting("FAULT_LACKS"), what) != nullptr;
}

int without(int error) {
  errno = error;
  return -1;
}

// The next entry of a folder; where folders cannot be read to their end, those up to the
// first that is a file.
template <typename Entry>
Entry* read_entry(const char* call, DIR* folder) {
  static bool is_read = false;
  const bool fails = is_read && lacks("readdir");
  Entry* entry = fails ? nullptr : real<Entry* (*)(DIR*)>(call)(folder);
  if (fails) errno = EIO;
  is_read = entry != nullptr && entry->d_name[0] != '.';
  return entry;
}

enum class Fault { none, error, shortened, kill, killed, term };

// What becomes of the next call.
Fault next_fault(const char* call) {
  static const bool is_counted = is_counted_program();
  static const long at = std::atol(setting("FAULT_AT"));
  static std::atomic<long> calls = 0;
  if (!is_counted) return Fault::none;
  note_call(call);
  if (++calls != at) return Fault::none;
  const char* kind = setting("FAULT_KIND");
  constexpr struct {
    const char* name;
    int error;
  } kErrors[] = {{"EIO", EIO},
                 {"ENOSPC", ENOSPC},
                 {"EDQUOT", EDQUOT},
                 {"ENOMEM", ENOMEM},
                 {"EINTR", EINTR}};
  for (const auto& known : kErrors) {
    if (std::strcmp(kind, known.name) != 0) continue;
    errno = known.error;
    return Fault::error;
  }
  if (std::strcmp(kind, "short") == 0) return Fault::shortened;
  if (std::strcmp(kind, "kill") == 0) return Fault::kill;
  if (std::strcmp(kind, "term") == 0) return Fault::term;
  return Fault::killed;
}

// Runs `call`, or lets it go wrong; `failed` is what it returns then.
template <typename Result, typename Call>
Result run(const char* name, Result failed, const Call& call) {
  const Fault fault = next_fault(name);
  if (fault == Fault::error) return failed;
  if (fault == Fault::kill) ::raise(SIGKILL);
  const Result result = call(fault == Fault::shortened);
  if (fault == Fault::killed) ::raise(SIGKILL);
  if (fault == Fault::term) ::raise(SIGTERM);
  return result;
}

size_t part_of(size_t length, bool is_short) {
  return is_short && length > 1 ? length / 2 : length;
}

mode_t mode_in(int flags, va_list more) {
  const bool has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return has_mode ? va_arg(more, mode_t) : 0;
}

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE && lacks("tmpfile")) return without(EOPNOTSUPP);
  return run("open", -1, [&](bool) {
    return real<int (*)(const char*, int, ...)>(name)(path, flags, mode);
  });
}

int fstat_as(const char* name, int fd, void* info) {
  return run("fstat", -1, [&](bool) { return real<int (*)(int, void*)>(name)(fd, info); });
}

// Memory that is no file's is not counted: the allocator's own calls do not come this way.
void* mmap_as(const char* name, void* address, size_t length, int protection, int flags,
              int fd, off64_t offset) {
  const auto map = [&](bool) {
    return real<void* (*)(void*, size_t, int, int, int, off64_t)>(name)(
        address, length, protection, flags, fd, offset);
  };
  return fd < 0 ? map(false) : run("mmap", MAP_FAILED, map);
}

int fallocate_as(const char* name, int fd, int mode, off64_t offset, off64_t length) {
  return run("fallocate", -1, [&](bool) {
    return real<int (*)(int, int, off64_t, off64_t)>(name)(fd, mode, offset, length);
  });
}

int ftruncate_as(const char* name, int fd, off64_t length) {
  return run("ftruncate", -1,
             [&](bool) { return real<int (*)(int, off64_t)>(name)(fd, length); });
}

ssize_t pread_as(const char* name, int fd, void* to, size_t length, off64_t offset) {
  return run("pread", ssize_t{-1}, [&](bool is_short) {
    return real<ssize_t (*)(int, void*, size_t, off64_t)>(name)(
        fd, to, part_of(length, is_short), offset);
  });
}

ssize_t pwrite_as(const char* name, int fd, const void* from, size_t length,
                  off64_t offset) {
  return run("pwrite", ssize_t{-1}, [&](bool is_short) {
    return real<ssize_t (*)(int, const void*, size_t, off64_t)>(name)(
        fd, from, part_of(length, is_short), offset);
  });
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  return open_as("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  return open_as("open64", path, flags, mode);
}

int fstat(int fd, struct stat* info) noexcept { return fstat_as("fstat", fd, info); }
int fstat64(int fd, struct stat64* info) noexcept { return fstat_as("fstat64", fd, info); }

ssize_t read(int fd, void* to, size_t length) {
  return run("read", ssize_t{-1}, [&](bool is_short) {
    return real<ssize_t (*)(int, void*, size_t)>("read")(fd, to, part_of(length, is_short));
  });
}

ssize_t write(int fd, const void* from, size_t length) {
  return run("write", ssize_t{-1}, [&](bool is_short) {
    return real<ssize_t (*)(int, const void*, size_t)>("write")(fd, from,
                                                                part_of(length, is_short));
  });
}

void* mmap(void* address, size_t length, int protection, int flags, int fd,
           off_t offset) noexcept {
  return mmap_as("mmap", address, length, protection, flags, fd, offset);
}
void* mmap64(void* address, size_t length, int protection, int flags, int fd,
             off64_t offset) noexcept {
  return mmap_as("mmap64", address, length, protection, flags, fd, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  return fallocate_as("fallocate", fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return fallocate_as("fallocate64", fd, mode, offset, length);
}

int fsync(int fd) {
  return run("fsync", -1, [&](bool) { return real<int (*)(int)>("fsync")(fd); });
}

int linkat(int from_folder, const char* from, int folder, const char* path,
           int flags) noexcept {
  if (lacks("link")) return without(EPERM);
  if (lacks("proc") && std::strncmp(from, "/proc/", 6) == 0) return without(ENOENT);
  return run("linkat", -1, [&](bool) {
    return real<int (*)(int, const char*, int, const char*, int)>("linkat")(
        from_folder, from, folder, path, flags);
  });
}

int renameat2(int from_folder, const char* from, int folder, const char* path,
              unsigned flags) noexcept {
  if (flags != 0 && lacks("rename")) return without(EINVAL);
  return run("renameat2", -1, [&](bool) {
    return real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2")(
        from_folder, from, folder, path, flags);
  });
}

int link(const char* from, const char* to) noexcept {
  if (lacks("link")) return without(EPERM);
  return run("link", -1, [&](bool) {
    return real<int (*)(const char*, const char*)>("link")(from, to);
  });
}

int flock(int fd, int operation) noexcept {
  return lacks("lock") ? without(ENOLCK) : real<int (*)(int, int)>("flock")(fd, operation);
}

// Not counted.
int stat(const char* path, struct stat* info) noexcept {
  if (lacks("proc") && std::strncmp(path, "/proc/", 6) == 0) return without(ENOENT);
  return real<int (*)(const char*, struct stat*)>("stat")(path, info);
}
int stat64(const char* path, struct stat64* info) noexcept {
  if (lacks("proc") && std::strncmp(path, "/proc/", 6) == 0) return without(ENOENT);
  return real<int (*)(const char*, struct stat64*)>("stat64")(path, info);
}

int rename(const char* from, const char* to) noexcept {
  return run("rename", -1, [&](bool) {
    return real<int (*)(const char*, const char*)>("rename")(from, to);
  });
}

int ftruncate(int fd, off_t length) noexcept {
  return ftruncate_as("ftruncate", fd, length);
}
int ftruncate64(int fd, off64_t length) noexcept {
  return ftruncate_as("ftruncate64", fd, length);
}

ssize_t pread(int fd, void* to, size_t length, off_t offset) {
  return pread_as("pread", fd, to, length, offset);
}
ssize_t pread64(int fd, void* to, size_t length, off64_t offset) {
  return pread_as("pread64", fd, to, length, offset);
}

ssize_t pwrite(int fd, const void* from, size_t length, off_t offset) {
  return pwrite_as("pwrite", fd, from, length, offset);
}
ssize_t pwrite64(int fd, const void* from, size_t length, off64_t offset) {
  return pwrite_as("pwrite64", fd, from, length, offset);
}

int unlink(const char* path) noexcept {
  return run("unlink", -1,
             [&](bool) { return real<int (*)(const char*)>("unlink")(path); });
}

dirent* readdir(DIR* folder) { return read_entry<dirent>("readdir", folder); }
dirent64* readdir64(DIR* folder) { return read_entry<dirent64>("readdir64", folder); }

// Linux lets go of the descriptor even where close(2) fails.
int close(int fd) {
  const int result = real<int (*)(int)>("close")(fd);
  return run("close", -1, [&](bool) { return result; });
}

}  // extern "C"
