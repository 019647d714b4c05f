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

std::string journal_name(const std::string& model);

// What is to be done, before it is begun.
struct JournalPlan {
  std::array<uint8_t, kDigestBytes> patch_digest{};
  uint64_t result_bytes = 0;
  std::vector<JournalUnit> units;  // in the order in which they are to be made
  std::vector<ByteRange> stash;    // of the base, sorted, apart
  uint64_t batch_bytes = 0;        // room for one, its pieces' heads included
  bool has_one_batch = false;
};

class JournalFile {
 public:
  // A new file, complete and on the disk, which nobody else can read. Throws
  // Error(cannot_create, no_space, io); then there is none.
  JournalFile(const std::string& path, const JournalPlan& plan, ByteView base);
  // One that is there; nothing of it is read yet. Throws Error(cannot_open) for what is no
  // regular file of this user with this one name.
  static std::optional<JournalFile> open(const std::string& path);
  // The same for a file that is open.
  JournalFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  // Throws Error(cannot_create) for what is no journal, not even one just begun: somebody's
  // file, which must not be taken for one that is not needed any more.
  void require_begun() const;

  // Reads and checks all but the batches' pieces, and finds the last complete batch. Throws
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
  // Ends the batch: from here on it will be in the model, whatever happens. On the disk.
  void commit(uint64_t units_done);
  // Writes the last batch, which load() has found, once more: what a run before has written
  // may be known to the system alone, after a sync that failed. On the disk.
  void write_batch_again();
  // Writes the pieces of the last batch to `model`; may be done again. On the disk, too.
  void replay(int model, const std::string& name) const;

  // Ends the journal, durably.
  void remove();

 private:
  void fill(const JournalPlan& plan, ByteView base);
  void reserve(const JournalPlan& plan) const;
  void write_stash_bytes(ByteView base);
  void write_head_and_tables();
  void read(uint64_t offset, ByteSpan to) const;
  uint32_t check_of(uint64_t offset, uint64_t length) const;
  void find_batch();
  void flush();
  void sync_folder() const;

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
