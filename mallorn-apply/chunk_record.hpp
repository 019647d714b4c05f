// From records to chunks: where a record stands for a chunk that was made before, its own
// is read again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mallorn-apply/chunk_work.hpp"

namespace mallorn::apply {

// A record that is read once more, or its beginning.
struct EarlierRecord {
  uint64_t length = 0;         // of all of it, kind byte first
  std::vector<uint8_t> bytes;  // as many as were asked for
};

// The first bytes, `most` of them, of the record of a patch that begins at `offset` of the
// file `fd`, with its length, and ends before `end`. Throws Error(malformed) if there is
// none.
EarlierRecord read_record_at(int fd, uint64_t offset, uint64_t end, const std::string& name,
                             uint64_t most = kMaxRecordBytes);

// Reads the record at an offset of the patch that ends before another.
using ReadRecord = std::function<EarlierRecord(uint64_t offset, uint64_t end)>;

// The chunk of a record (kind byte first) at `patch_offset` whose bytes belong at
// `result_offset`; of one that is made again, what `read_earlier` gives of its record.
// Throws Error(malformed), with `context`, for a record that is of no chunk;
// Error(limit_exceeded) for a chunk that may not be made again.
ChunkJob chunk_of(ByteView record, uint64_t patch_offset, uint64_t result_offset,
                  const ReadRecord& read_earlier, const std::string& context);

}  // namespace mallorn::apply
