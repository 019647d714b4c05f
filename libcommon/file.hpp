// Files as the programs use them: mapped inputs, whole reads and writes, atomic outputs.
#pragma once

#include <cstdint>
#include <string>

#include "libcommon/core/bytes.hpp"

namespace mallorn {

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
// file. If the file shrinks while it is mapped, the program ends with exit code 74
// (run_main's SIGBUS handler).
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
  // Gives the pages of [offset, offset + length) back; they are read again if touched.
  void release(uint64_t offset, uint64_t length) const;

 private:
  void map(int fd);

  std::string path_;
  std::string shown_;  // the path, for mapped_file_at()
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// The name, fit for a message, of the mapped file that has this address; null if none is
// known. May be called in a signal handler.
const char* mapped_file_at(const void* address);

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

// Where a program's product goes: standard output, or a file that appears under its name
// only when commit() has made it complete and durable. Whatever happens before that, the
// name holds what it held. Existing files are replaced only with `force`; a symbolic link
// is replaced, never written through; directories and devices are refused.
class Output {
 public:
  // What happens to unfinished files of the same name whose makers have been killed.
  // `adopt`: the longest of them becomes this one, and this one has a name while it is
  // made, so that it can be adopted in its turn.
  enum class Leftovers { remove, adopt };

  // path "-" or "": standard output. `mode` is that of a new file, before the umask. Throws
  // Error(cannot_create); Error(usage) for a terminal.
  Output(const std::string& path, bool force, unsigned mode = 0666,
         Leftovers leftovers = Leftovers::remove);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(ByteView bytes);
  // Reserves room for a file of `length` bytes, so that a full disk shows before the work.
  void reserve(uint64_t length);
  // Whether it has a name while it is made, by Leftovers::adopt.
  bool is_resumable() const { return is_resumable_; }
  // If so, before anything is written: how long that file is, and what it
  // holds, which may be anything. Throws Error(io).
  uint64_t held_bytes() const;
  size_t read_held(uint64_t offset, ByteSpan to) const;
  // Cuts the file off at `offset` and writes from there. Throws Error(io), Error(no_space).
  void go_on_at(uint64_t offset);
  // Leaves the unfinished file where it is, to be adopted; false if that is no use: it has
  // no name, or is empty, or perhaps not on the disk what was written.
  bool keep();

  // fsync, move into place, fsync of the folder. For standard output: nothing left to do.
  void commit();
  bool is_stdout() const { return is_stdout_; }
  const std::string& name() const { return name_; }

 private:
  void open_temporary(unsigned mode);
  void open_named(unsigned mode);
  void publish();

  std::string name_;
  std::string folder_;
  std::string temporary_;  // name of the temporary file, where it has one
  bool is_stdout_ = false;
  bool force_ = false;
  bool is_resumable_ = false;
  bool is_closing_ = false;  // fsync was begun; if it failed, what is written may be lost
  bool is_kept_ = false;
  bool is_committed_ = false;
  Fd fd_;
};

// True if both are the same file on disk.
bool is_same_file(const std::string& a, const std::string& b);

}  // namespace mallorn
