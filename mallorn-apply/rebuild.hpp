// Rebuilds the result: reads records, decodes them on several threads, writes in order.
#pragma once

#include <functional>

#include "libcommon/output.hpp"
#include "mallorn-apply/chunk_work.hpp"
#include "mallorn-apply/patch_reader.hpp"
#include "mallorn-apply/spent_time.hpp"

namespace mallorn::apply {

struct RebuildOptions {
  unsigned threads = 1;
  bool shows_progress = false;
  bool is_portable = false;   // no instructions that not all processors of the kind have
  bool keeps_traces = false;  // of the sections of chunks, for on_chunk
  // If set: told of each chunk that is decoded and has its check; given all bytes of the
  // result, in order, and whether they are those of chunks.
  std::function<void(const DecodedChunk& chunk)> on_chunk{};
  std::function<void(ByteView bytes, bool has_chunks)> on_bytes{};
  // If set: called when the result is complete and right, and has no name yet; what it
  // throws keeps it from having one.
  std::function<void()> before_commit{};
};

struct Rebuilt {
  std::vector<SpentOn> spent;  // what took how long, in processor time
  bool has_chunks = false;
  uint64_t resumed_at = 0;  // so much of the result was there, and was not decoded again
};

// Writes the result that `patch` makes of `base` to `output` (null: only checks), and
// commits it once its digest is the one in the header. Throws Error(base_mismatch) if the
// base is not the patch's, corrupt_data and its kin if the patch is damaged,
// result_mismatch if the outcome is not what the header promises; then nothing is left
// under the output's name. What `output` holds already of the result, chunk by chunk from
// its beginning, is not made again; what has no chunks is.
Rebuilt rebuild(PatchReader& patch, const MappedFile& base, Output* output,
                const RebuildOptions& options);

}  // namespace mallorn::apply
