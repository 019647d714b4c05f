// From records to chunks: where a record stands for a chunk that was made before, its own
// is read again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mallorn-apply/chunk_work.hpp"

namespace mallorn::apply {

// The record (kind byte first) of a patch that begins at `offset` of the file `fd`, with
// its length, and ends before `end`. Throws Error(malformed) if there is none.
std::vector<uint8_t> read_record_at(int fd, uint64_t offset, uint64_t end,
                                    const std::string& name);

// Reads the record at an offset of the patch that ends before another.
using ReadRecord = std::function<std::vector<uint8_t>(uint64_t offset, uint64_t end)>;

// The chunk of a record (kind byte first) at `patch_offset` whose bytes belong at
// `result_offset`. Throws Error(malformed), with `context`, for a record that is of no
// chunk.
ChunkJob chunk_of(ByteView record, uint64_t patch_offset, uint64_t result_offset,
                  const ReadRecord& read_earlier, const std::string& context);

}  // namespace mallorn::apply
