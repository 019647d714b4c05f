// Files as the programs use them: mapped inputs, whole reads and writes.
#pragma once

#include <cstdint>
#include <string>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn {

// Throws Error(status) that says what `error`, an errno, means for `name`.
[[noreturn]] void fail(Status status, const std::string& name, int error);

// no_space for errors of write(2) and its kin that mean: there is no room; io for others.
Status status_of_write_error(int error);

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  int release();

 private:
  int fd_;
};

// Opens a file, FIFO or device for reading. Throws Error(cannot_open) if it is missing,
// unreadable or a directory.
Fd open_input(const std::string& path);

// What a program reads: a named file, or standard input if the name is "-".
class Input {
 public:
  // Throws Error(cannot_open) as open_input() does.
  explicit Input(const std::string& path);
  int fd() const;
  bool is_named() const { return is_named_; }
  // For messages.
  const std::string& name() const { return name_; }

 private:
  bool is_named_;
  std::string name_;
  Fd file_;
};

// A regular file mapped for reading. Pages are read on demand, so memory does not grow with
// the file. Throws Error(cannot_open) if the file is missing, unreadable or not a regular
// file, Error(out_of_memory) if there is no room for it among the addresses. If the file
// shrinks while it is mapped, the program ends with exit code 74 (run_main's SIGBUS
// handler).
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  // Maps all of `fd`, which must be a regular file; `name` is for messages.
  MappedFile(const Fd& fd, std::string name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteView bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  // file_state() when it was mapped.
  const std::string& state() const { return state_; }
  // Gives the pages of [offset, offset + length) back; they are read again if touched.
  void release(uint64_t offset, uint64_t length) const;

 private:
  void map(int fd);

  std::string path_;
  std::string shown_;  // the path, for mapped_file_at()
  std::string state_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// The name, fit for a message, of the mapped file that has this address; null if none is
// known. May be called in a signal handler.
const char* mapped_file_at(const void* address);

// Gives back the pages of `bytes`, as release() does, if a mapped file has them.
void release_mapped(ByteView bytes);

// Reads until `to` is full or the input ends; returns the count. Throws Error(io).
size_t read_full(int fd, ByteSpan to, const std::string& name);

// Writes all of `bytes`. Throws Error(io), Error(no_space).
void write_full(int fd, ByteView bytes, const std::string& name);

// The same from and to an offset; what is read or written next without one does not move.
size_t read_full_at(int fd, uint64_t offset, ByteSpan to, const std::string& name);
void write_full_at(int fd, uint64_t offset, ByteView bytes, const std::string& name);
// Throws Error(io), Error(no_space).
void sync_file(int fd, const std::string& name);

// Has the disk keep room for a range of the file, whose length stays what it is; where it
// cannot do that, a full disk shows later. Throws Error(no_space), Error(io).
void reserve_range(int fd, uint64_t offset, uint64_t length, const std::string& name);

// An unnamed temporary file (in $TMPDIR or /tmp), gone when its descriptor is closed.
Fd make_temporary_file();
// What it is called in messages: which folder has no room.
std::string temporary_file_name();

// True if both are the same file on disk.
bool is_same_file(const std::string& a, const std::string& b);
// The same, also where neither is there yet.
bool is_same_name(const std::string& a, const std::string& b);

}  // namespace mallorn
