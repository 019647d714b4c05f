// Decoding chunks on several threads: what a thread needs for it, and how the outcome is
// judged.
#pragma once

#include <mutex>
#include <vector>

#include "mallorn-apply/core/chunk_decoder.hpp"
#include "mallorn-apply/large_object.hpp"
#include "mallorn-apply/section_codecs.hpp"
#include "mallorn-apply/spent_time.hpp"

namespace mallorn::apply {

// A chunk of the result: its record, without the kind byte, and where it belongs.
struct ChunkJob {
  std::vector<uint8_t> record;
  uint64_t patch_offset = 0;  // of the record, its length included
  uint64_t result_offset = 0;
  uint64_t made_at = 0;  // what its record takes for that; of a chunk made again, less
  uint64_t result_bytes = 0;
  bool is_again = false;
};

// What decoding a chunk needs: large, and reused.
struct Workspace {
  Workspace(const TokenKernels& kernels, bool keeps_traces)
      : sections(kernels, keeps_traces), structure_left(keeps_traces ? kMaxChunkSteps : 0) {
    chunk.structure_left = structure_left;
  }
  ChunkWorkspace chunk;
  HostSections sections;
  std::vector<uint32_t> structure_left;  // by step, if traces are kept
  Spent decoded;                         // of whole chunks, sections included
};

struct DecodedChunk {
  Status status = Status::ok;
  uint64_t patch_offset = 0;
  uint64_t result_offset = 0;
  bool is_again = false;  // its record is that of a chunk before
  LargeObject<Workspace> workspace;
};

// Workspaces for all chunks that are under way; threads may share it.
class ChunkDecoders {
 public:
  explicit ChunkDecoders(bool is_portable, bool keeps_traces = false)
      : kernels_(is_portable ? portable_kernels() : fast_kernels()),
        keeps_traces_(keeps_traces) {}

  DecodedChunk decode(const ChunkJob& job, ByteView base);
  // When a chunk has been made use of.
  void give_back(LargeObject<Workspace> workspace);
  // What decoding took, by codec and then all the rest, when all workspaces are back.
  std::vector<SpentOn> spent() const;

 private:
  // For a chunk of so many bytes.
  LargeObject<Workspace> take(uint64_t result_bytes);

  const TokenKernels& kernels_;
  bool keeps_traces_;
  std::mutex mutex_;
  std::vector<LargeObject<Workspace>> free_;
};

// Why decode_chunk() refuses a chunk.
const char* chunk_fault(Status status);

}  // namespace mallorn::apply
