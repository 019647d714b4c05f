#include "mallorn-apply/chunk_work.hpp"

namespace mallorn::apply {

// What patches say of memory: a thread's chunk, and one that waits to be written.
static_assert(2 * (large_object_bytes(sizeof(Workspace)) +
                   large_object_bytes(sizeof(ByteModel)) + kMaxRecordBytes) <=
              uint64_t{kHostMemoryKib} * 1024);

LargeObject<Workspace> ChunkDecoders::take(uint64_t result_bytes) {
  const bool uses_all = result_bytes >= kMaxChunkCoded / 4;
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return make_large_object<Workspace>(uses_all, kernels_, keeps_traces_);
  LargeObject<Workspace> workspace = std::move(free_.back());
  free_.pop_back();
  return workspace;
}

void ChunkDecoders::give_back(LargeObject<Workspace> workspace) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(workspace));
}

DecodedChunk ChunkDecoders::decode(const ChunkJob& job, ByteView base) {
  DecodedChunk decoded{Status::ok, job.patch_offset, job.result_offset, job.is_again,
                       take(job.result_bytes)};
  Workspace& space = *decoded.workspace;
  const SpentTimer timer(&space.decoded, job.result_bytes);
  space.sections.begin_chunk();
  decoded.status =
      decode_chunk(job.record, base, job.made_at, space.sections, &space.chunk);
  return decoded;
}

std::vector<SpentOn> ChunkDecoders::spent() const {
  std::vector<SpentOn> all;
  Spent steps;
  HostSections::SpentByCodec sections{};
  for (const LargeObject<Workspace>& workspace : free_) {
    steps += workspace->decoded;
    for (size_t i = 0; i < sections.size(); ++i) {
      sections[i] += workspace->sections.spent()[i];
    }
  }
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].bytes == 0) continue;
    const char* name = codec_name(static_cast<CodecId>(i));
    all.push_back({std::string("decoded by ") + name, sections[i]});
    steps.nanoseconds -= sections[i].nanoseconds;
  }
  all.push_back({"decoded steps", steps});
  return all;
}

const char* chunk_fault(Status status) {
  switch (status) {
    case Status::truncated:
    case Status::malformed:
      return "header of the chunk is not valid";
    case Status::limit_exceeded:
      return "chunk is larger than the format allows";
    case Status::unknown_codec:
      return "chunk has a section of an unknown codec";
    default:
      return "chunk does not decode";
  }
}

}  // namespace mallorn::apply
