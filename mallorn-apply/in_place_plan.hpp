// What an update in place does in which order, found out while the patch is tried out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mallorn-apply/chunk_order.hpp"
#include "mallorn-apply/chunk_units.hpp"
#include "mallorn-apply/chunk_work.hpp"
#include "mallorn-apply/journal_maker.hpp"
#include "mallorn-apply/undo_writer.hpp"

namespace mallorn::apply {

class PlanMaker {
 public:
  // `patch` is the name of the patch, for messages. `undo` may be null: then nothing is
  // kept for the way back. `most_bytes` is what the plan may take of memory, until it is
  // written down.
  PlanMaker(ByteView base, std::string patch, UndoWriter* undo,
            uint64_t most_bytes = UINT64_MAX)
      : base_(base), patch_(std::move(patch)), undo_(undo), most_bytes_(most_bytes) {}

  // For each chunk, in the order of the result, once it is decoded. Throws
  // Error(limit_exceeded, out_of_memory) if there are too many steps to keep account of.
  void add(const DecodedChunk& decoded);
  // The same for a result without chunks, for its bytes in order.
  void add_part(uint64_t result_offset, ByteView bytes);
  // Units whose bytes are in their place already are not among it. `batch_bytes` is how
  // much is written at a time, or somewhat more; parts are written all at once.
  JournalPlan finish(uint64_t batch_bytes);

  // Whether the base has these bytes where the result has them.
  static bool is_in_place(ByteView base, uint64_t offset, ByteView bytes);

 private:
  struct Unit {
    JournalUnit unit;
    size_t reads_end = 0;  // in reads_; they begin where those of the unit before end
    size_t writes_end = 0;
    uint64_t payload_bytes = 0;  // in a batch, on the way there or back
  };

  void add_own(const DecodedChunk& decoded);
  void add_copy(const CodedStep& step, uint64_t result_offset);
  uint64_t used_bytes() const;
  void require_room() const;
  // `unit` has its reads and writes, and its old bytes are gathered; it takes so much of a
  // batch.
  void add_unit(Unit unit, uint64_t payload_bytes);
  void keep_undo(Unit* unit, uint64_t payload_bytes);
  bool extend_part(uint64_t result_offset, ByteView bytes);
  Order order() const;
  uint64_t largest_batch(const std::vector<uint32_t>& order, uint64_t batch_bytes) const;

  ByteView base_;
  std::string patch_;
  UndoWriter* undo_;
  uint64_t most_bytes_;
  std::vector<Unit> units_;
  std::vector<ByteRange> reads_;
  std::vector<ByteRange> writes_;
};

// Whether a batch is long enough to be written.
constexpr bool is_full(uint64_t added_bytes, uint64_t batch_bytes) {
  return added_bytes >= batch_bytes;
}

}  // namespace mallorn::apply
