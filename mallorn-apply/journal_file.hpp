// JournalFile: the file beside a model that lets an update in place be finished after any
// interruption (docs/format/journal.md).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libcommon/file.hpp"
#include "mallorn-apply/base_view.hpp"
#include "mallorn-apply/journal.hpp"

namespace mallorn::apply {

constexpr size_t kJournalWindowBytes = 1u << 20;  // of a file that are held at a time

std::string journal_name(const std::string& model);

// The folder that a file is in.
std::string folder_of(const std::string& path);

class JournalFile {
 public:
  // One that is there; nothing of it is read yet. Throws Error(cannot_open) for what is no
  // regular file of this user with this one name.
  static std::optional<JournalFile> open(const std::string& path);
  // The same for a file that is open.
  JournalFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  // The same for one whose contents are known, and that has no batch.
  JournalFile(Fd fd, std::string path, const JournalHead& head,
              std::vector<JournalUnit> units, std::vector<JournalStash> stash)
      : fd_(std::move(fd)),
        path_(std::move(path)),
        head_(head),
        units_(std::move(units)),
        stash_(std::move(stash)) {}

  // Throws Error(cannot_create) for what is no journal: somebody's file, which must not be
  // taken for one that is not needed any more.
  void require_journal() const;

  // Reads and checks all but the batches' pieces and the undo records, and finds the last
  // complete batch. Throws
  // Error as read_journal_head() and read_tables() have it, Error(check_mismatch) for a
  // stash that is damaged.
  void load();

  const JournalHead& head() const { return head_; }
  const std::vector<JournalUnit>& units() const { return units_; }
  // The last batch that is complete; sequence 0: none.
  const BatchHead& batch() const { return batch_; }
  // Has `view` show what is stashed.
  void show_stash(BaseView* view) const;

  // Adds a piece to the next batch. Throws Error(malformed) if it is not within the result,
  // or if there is no room for it.
  void add(uint64_t result_offset, ByteView bytes);
  uint64_t added_bytes() const { return next_.payload_bytes; }
  // How much more of pieces and their heads it has room for.
  uint64_t room_bytes() const {
    return head_.slot_bytes - kBatchHeadBytes - next_.payload_bytes;
  }
  // Ends the batch: from here on it will be in the model, whatever happens. On the disk.
  enum class Direction { on, back };
  void commit(uint64_t units_done, Direction direction = Direction::on);
  // Writes the last batch, which load() has found, once more: what a run before has written
  // may be known to the system alone, after a sync that failed. On the disk.
  void write_batch_again();
  // Writes the pieces of the last batch to `model`; may be done again. On the disk, too.
  void replay(int model, const std::string& name) const;

  // Of the undo records together, from `offset` on. Throws Error(truncated).
  void read_undo(uint64_t offset, ByteSpan to) const;

  // Ends the journal, durably.
  void remove();
  // What it takes of the disk: slots need not be full.
  uint64_t taken_bytes() const;
  int fd() const { return fd_.get(); }
  // Throws Error(io) where the folder cannot be opened, too: without it, nobody knows
  // whether the journal would still have its name after a power cut.
  void sync_folder() const;
  const std::string& path() const { return path_; }

 private:
  void read(uint64_t offset, ByteSpan to) const;
  uint32_t check_of(uint64_t offset, uint64_t length) const;
  void find_batch();
  void flush();

  Fd fd_;
  std::string path_;
  JournalHead head_;
  std::vector<JournalUnit> units_;
  std::vector<JournalStash> stash_;
  BatchHead batch_;
  BatchHead next_;                 // being made; its sequence is set when it is complete
  std::vector<uint8_t> gathered_;  // of its pieces, what is not in the file yet
};

}  // namespace mallorn::apply
