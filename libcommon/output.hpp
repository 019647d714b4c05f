// Files that appear complete or not at all.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "libcommon/part_file.hpp"

namespace mallorn {

// Where a program's product goes: standard output, or a file that appears under its name
// only when commit() has made it complete and durable. Whatever happens before that, the
// name holds what it held. Existing files are replaced only with `force`, and keep who may
// read and write them, and their owner where that is possible; a symbolic link
// is replaced, never written through; directories, devices and links to them are refused.
class Output {
 public:
  // What happens to unfinished files of the same name whose makers have been killed.
  // `adopt`: the longest of them becomes this one, and this one has a name as soon as there
  // is something in it, so that it can be adopted in its turn.
  enum class Leftovers { remove, adopt };

  // path "-" or "": standard output. `mode` is that of a new file, before the umask, and
  // what a file that is replaced may allow at most, beside executing. Throws
  // Error(cannot_create); Error(usage) for a terminal.
  Output(const std::string& path, bool force, unsigned mode = 0666,
         Leftovers leftovers = Leftovers::remove);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(ByteView bytes);
  // Reserves room for a file of `length` bytes, so that a full disk shows before the work;
  // not for one that is resumable.
  void reserve(uint64_t length);
  // Whether it was opened with Leftovers::adopt.
  bool is_resumable() const { return is_resumable_; }
  // If so, before anything is written: how long that file is, and what it
  // holds, which may be anything. Throws Error(io).
  uint64_t held_bytes() const;
  size_t read_held(uint64_t offset, ByteSpan to) const;
  // Cuts the file off at `offset` and writes from there. Throws Error(io), Error(no_space).
  void go_on_at(uint64_t offset);
  // Leaves the unfinished file where it is, to be adopted; false if that is no use: it is
  // not resumable, or empty, or has its name already.
  bool keep();

  // Has what is written put on the disk, so that commit() has little to do.
  void sync();
  // fsync, move into place, fsync of the folder. For standard output: nothing left to do.
  void commit();
  bool is_stdout() const { return is_stdout_; }
  const std::string& name() const { return name_; }

 private:
  // What a file that is replaced allows to whom.
  struct Access {
    unsigned mode;
    uid_t owner;
    gid_t group;
  };

  void keep_access(const struct stat& replaced, unsigned mode);
  void give_access();
  void adopt(unsigned mode);
  void open_temporary(unsigned mode);
  void give_temporary_name();
  void use(Part&& part);
  void publish();

  std::string name_;
  std::string folder_;
  std::string temporary_;  // name of the temporary file, where it has one
  std::optional<Access> access_;
  bool is_stdout_ = false;
  bool force_ = false;
  bool is_resumable_ = false;
  bool is_synced_ = false;  // nothing has been written since
  bool is_kept_ = false;
  bool is_committed_ = false;
  Fd fd_;
};

}  // namespace mallorn
