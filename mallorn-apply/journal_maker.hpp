// JournalMaker: makes the journal of an update in place. It has another name until it is
// complete and on the disk: what is called a journal is one.
#pragma once

#include <string>
#include <utility>

#include "mallorn-apply/journal_file.hpp"

namespace mallorn::apply {

// What is to be done, before it is begun.
struct JournalPlan {
  std::array<uint8_t, kDigestBytes> patch_digest{};
  uint64_t result_bytes = 0;
  std::vector<JournalUnit> units;  // in the order in which they are to be made
  std::vector<ByteRange> stash;    // of the base, sorted, apart
  uint64_t batch_bytes = 0;        // room for one, its pieces' heads included
  bool has_one_batch = false;      // to the new model
  bool has_undo = false;
  uint64_t back_batch_bytes = 0;  // room for one on the way back
};

class JournalMaker {
 public:
  // `path` is what the journal will be called.
  explicit JournalMaker(std::string path) : path_(std::move(path)) {}
  // Removes what is not complete.
  ~JournalMaker();
  JournalMaker(const JournalMaker&) = delete;
  JournalMaker& operator=(const JournalMaker&) = delete;

  // Keeps an undo record; where it is, among all of them. Throws Error(cannot_create,
  // no_space, io).
  uint64_t add_undo(ByteView record);
  // All but batches is written, and on the disk; nobody else can read it. Called once.
  // Throws the same.
  JournalFile make(const JournalPlan& plan, ByteView base);
  // Gives the journal its name, durably. Throws Error(cannot_create, io).
  void publish(const JournalFile& journal);

 private:
  void open();

  std::string path_;
  std::string temporary_;  // empty: the file has no name
  Fd fd_;
  uint64_t undo_bytes_ = 0;
};

}  // namespace mallorn::apply
