// UndoWriter: gathers what units will overwrite, and hands it out as undo records.
#pragma once

#include <functional>

#include "mallorn-apply/undo_record.hpp"

namespace mallorn::apply {

class UndoWriter {
 public:
  // `take` is given each record and says where, among all of them, it has put it: each
  // behind the one before.
  UndoWriter(ByteView base, std::function<uint64_t(ByteView record)> take)
      : base_(base), take_(std::move(take)) {}

  // `bytes` will be at `offset` of the model. What is behind the end of the base takes no
  // place.
  void add(uint64_t offset, ByteView bytes);

  struct Unit {
    ByteRange records;
    uint64_t piece_bytes = 0;  // in a batch that brings the old bytes back
  };
  // Ends the unit whose bytes were added since the last was ended.
  Unit end_unit();

 private:
  void flush();

  ByteView base_;
  std::function<uint64_t(ByteView)> take_;
  UndoEncoder encoder_;
  Unit unit_;
  std::vector<ByteRange> ranges_;  // of the record being made
  std::vector<uint8_t> old_;
  std::vector<uint8_t> now_;
};

}  // namespace mallorn::apply
