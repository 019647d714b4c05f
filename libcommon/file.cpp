#include "libcommon/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file_state.hpp"

namespace mallorn {
namespace {

// One call moves at most 1 GiB, below every system's limit for a single write.
constexpr size_t kLargestWrite = size_t{1} << 30;

// The files that are mapped, for the handler of SIGBUS, which may not take a lock. Those
// that find no room are not named.
struct NamedRange {
  std::atomic<const uint8_t*> begin;  // null: free
  std::atomic<size_t> size;           // set last, cleared first
  std::atomic<const char*> name;
};
static_assert(std::atomic<const char*>::is_always_lock_free);
constinit std::array<NamedRange, 16> named_ranges;

void add_named_range(ByteView range, const char* name) {
  for (NamedRange& entry : named_ranges) {
    const uint8_t* free = nullptr;
    if (!entry.begin.compare_exchange_strong(free, range.data())) continue;
    entry.name = name;
    entry.size = range.size();
    return;
  }
}

void remove_named_range(const uint8_t* begin) {
  for (NamedRange& entry : named_ranges) {
    if (entry.begin != begin) continue;
    entry.size = 0;
    entry.begin = nullptr;
    return;
  }
}

}  // namespace

void fail(Status status, const std::string& name, int error) {
  throw Error(status, name + ": " + std::strerror(error));
}

Status status_of_write_error(int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return is_full ? Status::no_space : Status::io;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

Fd open_input(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) fail(Status::cannot_open, path, errno);
  if (S_ISDIR(info.st_mode)) fail(Status::cannot_open, path, EISDIR);
  return fd;
}

// What standard input is to whoever has given it: the front end passes a file on that way.
static std::string standard_input_name() {
  const char* name = ::getenv("MALLORN_STDIN_NAME");
  return name != nullptr && *name != '\0' ? name : "standard input";
}

Input::Input(const std::string& path)
    : is_named_(path != "-"),
      name_(is_named_ ? path : standard_input_name()),
      file_(is_named_ ? open_input(path) : Fd()) {}

int Input::fd() const { return is_named_ ? file_.get() : STDIN_FILENO; }

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused by map().
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) fail(Status::cannot_open, path, errno);
  map(fd.get());
}

MappedFile::MappedFile(const Fd& fd, std::string name) : path_(std::move(name)) {
  map(fd.get());
}

void MappedFile::map(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail(Status::cannot_open, path_, errno);
  if (!S_ISREG(info.st_mode))
    throw Error(Status::cannot_open, path_ + ": not a regular file");
  state_ = file_state(fd);
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) {
    fail(errno == ENOMEM ? Status::out_of_memory : Status::cannot_open, path_, errno);
  }
  data_ = static_cast<const uint8_t*>(data);
  shown_ = printable(path_);
  add_named_range(bytes(), shown_.c_str());
  ::madvise(data, size_, MADV_SEQUENTIAL);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  remove_named_range(data_);
  ::munmap(const_cast<uint8_t*>(data_), size_);
}

const char* mapped_file_at(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  for (const NamedRange& entry : named_ranges) {
    const size_t size = entry.size;
    const auto begin = reinterpret_cast<uintptr_t>(entry.begin.load());
    if (wanted - begin < size) return entry.name;
  }
  return nullptr;
}

// Of a mapped file.
static void give_back(ByteView bytes) {
  constexpr uintptr_t kWorthwhile = 256 * 1024;  // less costs more than it gives back
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t end = (begin + bytes.size()) / page * page;
  if (first + kWorthwhile <= end)
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

void MappedFile::release(uint64_t offset, uint64_t length) const {
  const uint64_t end = std::min<uint64_t>(offset + length, size_);
  if (offset >= end) return;
  give_back(
      bytes().subspan(static_cast<size_t>(offset), static_cast<size_t>(end - offset)));
}

void release_mapped(ByteView bytes) {
  if (mapped_file_at(bytes.data()) != nullptr) give_back(bytes);
}

size_t read_full(int fd, ByteSpan to, const std::string& name) {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t count = ::read(fd, to.data() + done, to.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(Status::io, name, errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

void write_full(int fd, ByteView bytes, const std::string& name) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::write(fd, bytes.data() + done, std::min(bytes.size() - done, kLargestWrite));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(status_of_write_error(errno), name, errno);
    done += static_cast<size_t>(count);
  }
}

size_t read_full_at(int fd, uint64_t offset, ByteSpan to, const std::string& name) {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t count =
        ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(Status::io, name, errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

void write_full_at(int fd, uint64_t offset, ByteView bytes, const std::string& name) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pwrite(fd, bytes.data() + done, std::min(bytes.size() - done, kLargestWrite),
                 static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(status_of_write_error(errno), name, errno);
    done += static_cast<size_t>(count);
  }
}

void sync_file(int fd, const std::string& name) {
  if (::fsync(fd) != 0) fail(status_of_write_error(errno), name, errno);
}

void reserve_range(int fd, uint64_t offset, uint64_t length, const std::string& name) {
  const int result = ::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                                 static_cast<off_t>(length));
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) {
    fail(status_of_write_error(errno), name, errno);
  }
}

static std::string temporary_folder() {
  const char* folder = ::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

std::string temporary_file_name() {
  return "temporary file in " + temporary_folder() + " (TMPDIR)";
}

Fd make_temporary_file() {
  std::string name = temporary_folder();
  Fd unnamed(::open(name.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (unnamed.get() >= 0) return unnamed;
  name += "/mallorn-XXXXXX";
  Fd named(::mkostemp(name.data(), O_CLOEXEC));
  if (named.get() < 0) fail(Status::cannot_create, temporary_file_name(), errno);
  ::unlink(name.c_str());
  return named;
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat info_a {};
  struct stat info_b {};
  return ::stat(a.c_str(), &info_a) == 0 && ::stat(b.c_str(), &info_b) == 0 &&
         info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino;
}

bool is_same_name(const std::string& a, const std::string& b) {
  if (is_same_file(a, b)) return true;
  if (a.empty() || b.empty()) return false;
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path one = fs::weakly_canonical(fs::absolute(a, ignored), ignored);
  return !one.empty() && one == fs::weakly_canonical(fs::absolute(b, ignored), ignored);
}

}  // namespace mallorn
