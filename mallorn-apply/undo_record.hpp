// Undo records: the bytes that a unit of an update in place overwrites, as the journal
// keeps them (docs/format/journal.md, section 6). Where that takes less room they are coded
// by how they differ from the bytes that replace them, which the model then has.
#pragma once

#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-apply/byte_range.hpp"

namespace mallorn::apply {

constexpr uint64_t kMaxUndoRecordBytes = 256 * 1024;  // old bytes of a record
constexpr uint32_t kMaxUndoRanges = 1u << 14;
constexpr size_t kUndoHeadBytes = 13;
constexpr size_t kUndoRangeBytes = 12;

// The numbers are those of the format.
enum class UndoCoding : uint8_t {
  bytes = 0,
  zstd = 1,
  differences_1 = 2,  // of numbers of one byte, by zstd
  differences_2 = 3,
  differences_4 = 4,
};

struct UndoHead {
  UndoCoding coding = UndoCoding::bytes;
  uint32_t range_count = 0;
  uint32_t coded_bytes = 0;
  uint32_t check = 0;  // CRC-32C of the ranges, as they stand, and of the old bytes

  // Of what follows the head; small enough for memory.
  size_t rest_bytes() const { return size_t{range_count} * kUndoRangeBytes + coded_bytes; }
};

// Refuses what is longer than a record can be (malformed).
Status read_undo_head(ByteView bytes, UndoHead* head);

// `rest` are the bytes behind the head. Refuses ranges that are not within the base, or
// longer together than a record may be (malformed).
Status read_undo_ranges(const UndoHead& head, ByteView rest, uint64_t base_bytes,
                        std::vector<ByteRange>* ranges);

// `now` are the bytes that the model has in these ranges, one after the other; `old` are
// made of them, as many. Refuses what does not decode (corrupt_data), or is not what was
// kept (check_mismatch).
Status decode_undo(const UndoHead& head, ByteView rest, ByteView now, ByteSpan old);

class UndoEncoder {
 public:
  // A record, head included. `old` and `now` are as long as the ranges together.
  std::vector<uint8_t> encode(const std::vector<ByteRange>& ranges, ByteView old,
                              ByteView now);

 private:
  struct Way {
    UndoCoding coding;
    bool has_matches;  // else frequencies alone: faster, and smaller for noise
  };
  Way choose(ByteView old, ByteView now);
  std::vector<uint8_t> coded(const Way& way, ByteView old, ByteView now);

  ZstdEncoder zstd_;
};

}  // namespace mallorn::apply
