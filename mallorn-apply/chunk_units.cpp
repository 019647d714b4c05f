#include "mallorn-apply/chunk_units.hpp"

#include <algorithm>

namespace mallorn::apply {
namespace {

// A step of kind `bytes` looks at the byte that it expects, and at the word which that
// begins (BaseCursor); its cursor never gets ahead of the bytes made.
constexpr uint64_t kLookAhead = 4;
// Of a copy, what the step behind it sees of the result.
constexpr uint64_t kRemembered = 8;

// The bytes of copies that a derived step multiplies; its own and others' places are given
// in bytes of the chunk.
void add_sources(const ChunkWorkspace& chunk, uint32_t index,
                 std::vector<ByteRange>* ranges) {
  const CodedStep& step = chunk.step[index];
  const uint64_t begin = step.source_is_ahead
                             ? chunk.made_before[index] + step.source_distance
                             : chunk.made_before[index] - step.source_distance;
  const uint64_t end = begin + step.length_bytes;
  const uint32_t* const first = chunk.made_before.data();
  const uint32_t* const found = std::upper_bound(first, first + chunk.step_count, begin);
  for (auto i = static_cast<uint32_t>(found - first) - 1; i < chunk.step_count; ++i) {
    const CodedStep& source = chunk.step[i];
    const uint64_t at = chunk.made_before[i];
    if (at >= end) break;
    if (source.kind != CodedStepKind::copy) continue;
    const uint64_t from = std::max(begin, at);
    const uint64_t to = std::min(end, at + source.length_bytes);
    ranges->push_back({source.base_offset + (from - at), to - from});
  }
}

void add_step(const ChunkWorkspace& chunk, uint32_t index, uint64_t base_bytes,
              std::vector<ByteRange>* ranges) {
  const CodedStep& step = chunk.step[index];
  const uint64_t length = step.length_bytes;
  if (step.kind == CodedStepKind::derived) return add_sources(chunk, index, ranges);
  if (step.address == AddressKind::none) return;
  const uint64_t left = base_bytes - step.base_offset;
  if (step.kind == CodedStepKind::copy) {
    const uint64_t seen = length < kLongCopyBytes ? length : kRemembered;
    ranges->push_back({step.base_offset + length - seen, seen});
  } else if (step.kind == CodedStepKind::bytes) {
    ranges->push_back({step.base_offset, std::min(length + kLookAhead, left)});
  } else {
    ranges->push_back({step.base_offset, base_bytes_of(chunk, step)});
  }
}

}  // namespace

StepFate fate_of(const CodedStep& step, uint64_t result_offset) {
  if (step.kind != CodedStepKind::copy) return StepFate::is_own;
  if (step.base_offset == result_offset) return StepFate::stays;
  return step.length_bytes < kLongCopyBytes ? StepFate::is_own : StepFate::is_long;
}

std::vector<ByteRange> base_ranges(const ChunkWorkspace& chunk, uint64_t base_bytes) {
  std::vector<ByteRange> ranges;
  for (uint32_t i = 0; i < chunk.step_count; ++i) add_step(chunk, i, base_bytes, &ranges);
  join_ranges(&ranges);
  return ranges;
}

}  // namespace mallorn::apply
