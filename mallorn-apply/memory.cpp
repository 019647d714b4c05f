#include "mallorn-apply/memory.hpp"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "mallorn-apply/chunk_work.hpp"

namespace mallorn::apply {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kStackBytes = 1 * kMiB;  // of a thread; deep calls there are none
// The program, its libraries' data, windows of files, the thread that hashes the base.
constexpr uint64_t kFixedBytes = 4 * kMiB;
// A chunk under way: its record, its workspace, and the models of all codecs, which stay.
constexpr uint64_t kChunkBytes =
    kMaxRecordBytes + large_object_bytes(sizeof(Workspace)) +
    large_object_bytes(sizeof(ByteModel)) + sizeof(BlockModel) + sizeof(ValueModel) +
    sizeof(MaskModel) + sizeof(TokensWorkspace) + sizeof(MixedModel);
// While it is decoded: planes of a section, their mask and values, zstd's own.
constexpr uint64_t kDecodingBytes = 4 * kMaxChunkCoded;

uint64_t needed_for_chunks(unsigned threads) {
  if (threads <= 1) return kChunkBytes + kDecodingBytes;
  // OrderedPool has so many chunks under way.
  return (2 * uint64_t{threads} + 1) * kChunkBytes +
         threads * (kDecodingBytes + kStackBytes);
}

// The result is kept; where its length is not plausible it grows by being copied.
uint64_t needed_for_lite(const PatchHeader& header) {
  const uint64_t result = std::min<uint64_t>(header.result_bytes, UINT64_MAX / 8);
  const bool is_reserved = result <= plausible_result_bytes(header.base_bytes);
  return is_reserved ? result : 3 * result;
}

// In the largest unit that it is a multiple of.
std::string exactly(uint64_t bytes) {
  if (bytes % kMiB == 0) return with_commas(bytes / kMiB) + " MiB";
  if (bytes % 1024 == 0) return with_commas(bytes / 1024) + " KiB";
  return with_commas(bytes) + (bytes == 1 ? " byte" : " bytes");
}

}  // namespace

uint64_t needed_memory(const PatchHeader& header, unsigned threads) {
  const uint64_t declared = uint64_t{header.memory_kib} * 1024 * std::max(threads, 1u);
  const uint64_t real =
      has_lite_body(header) ? needed_for_lite(header) : needed_for_chunks(threads);
  return kFixedBytes + std::max(declared, real);
}

uint64_t whole_mib(uint64_t bytes) { return bytes / kMiB + (bytes % kMiB != 0 ? 1 : 0); }

std::string in_mib(uint64_t bytes) { return with_commas(whole_mib(bytes)) + " MiB"; }

uint64_t needed_for_undo() { return 4 * kMiB; }

// 2 KiB for each MiB of the result, with as much again to spare.
uint64_t needed_for_plan(const PatchHeader& header) {
  return kMiB + std::min<uint64_t>(header.result_bytes / 256, UINT64_MAX / 8);
}

uint64_t needed_to_go_back(const PatchHeader& header) {
  return kFixedBytes + needed_for_undo() + needed_for_plan(header);
}

void require_within(uint64_t limit, uint64_t needed, const std::string& patch) {
  if (needed <= limit) return;
  throw Error(
      Status::out_of_memory,
      patch + ": needs " + in_mib(needed) + " of memory, and may have " + exactly(limit),
      "give it --memory " + std::to_string(whole_mib(needed)) + "M, or more");
}

unsigned threads_within(uint64_t limit, const PatchHeader& header, unsigned wanted,
                        const std::string& patch, uint64_t extra) {
  const auto needed = [&](unsigned threads) {
    return needed_memory(header, threads) + extra;
  };
  require_within(limit, needed(1), patch);
  unsigned threads = 1;
  while (threads < wanted && needed(threads + 1) <= limit) ++threads;
  return threads;
}

void limit_memory(uint64_t limit) {
  ::mallopt(M_ARENA_MAX, 1);  // an arena of its own for each thread scatters what is free
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) == 0) {
    ::pthread_attr_setstacksize(&attributes, kStackBytes);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
  }
  // Of private memory that may be written; stricter limits that are there stay.
  rlimit data{};
  if (::getrlimit(RLIMIT_DATA, &data) != 0) return;
  data.rlim_cur = std::min<rlim_t>(data.rlim_cur, limit);
  ::setrlimit(RLIMIT_DATA, &data);
}

}  // namespace mallorn::apply
