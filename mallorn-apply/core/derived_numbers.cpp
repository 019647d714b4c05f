#include "mallorn-apply/core/derived_numbers.hpp"

#include "libcommon/core/f32_arithmetic.hpp"

namespace mallorn::apply {
namespace {

// Where in the chunk the source of step `index` begins; false if it is not all within.
bool source_of(uint32_t index, const ChunkWorkspace& space, uint64_t* source) {
  const CodedStep& step = space.step[index];
  const uint64_t begin = space.made_before[index];
  const uint64_t end = space.view.header.result_bytes;
  const uint64_t distance = step.source_distance;
  if (distance > (step.source_is_ahead ? end - begin : begin)) return false;
  *source = step.source_is_ahead ? begin + distance : begin - distance;
  return step.length_bytes <= end - *source;
}

// The step that makes the byte at `offset` of the chunk: the last one that begins at it or
// before.
uint32_t step_at(uint64_t offset, const ChunkWorkspace& space) {
  uint32_t first = 0;
  uint32_t end = space.step_count;
  while (end - first > 1) {
    const uint32_t middle = first + (end - first) / 2;
    if (space.made_before[middle] <= offset) {
      first = middle;
    } else {
      end = middle;
    }
  }
  return first;
}

// Copies bytes of the chunk from `source` on. Refuses derived steps that are not complete:
// those from `index` on.
Status gather(uint64_t source, uint32_t index, ByteView base, const ChunkWorkspace& space,
              ByteSpan to) {
  size_t gathered = 0;
  for (uint32_t i = step_at(source, space); gathered < to.size(); ++i) {
    const CodedStep& step = space.step[i];
    if (step.kind == CodedStepKind::derived && i >= index) return Status::corrupt_data;
    const auto skipped = static_cast<size_t>(source + gathered - space.made_before[i]);
    const size_t left = static_cast<size_t>(step.length_bytes) - skipped;
    const size_t wanted = to.size() - gathered;
    const uint8_t* from = step.kind == CodedStepKind::copy
                              ? base.data() + static_cast<size_t>(step.base_offset)
                              : space.coded.data() + space.coded_before[i];
    const size_t taken = left < wanted ? left : wanted;
    memcpy(to.data() + gathered, from + skipped, taken);
    gathered += taken;
  }
  return Status::ok;
}

}  // namespace

Status add_products(ByteView base, ChunkWorkspace* workspace) {
  for (uint32_t i = 0; i < workspace->step_count; ++i) {
    const CodedStep& step = workspace->step[i];
    if (step.kind != CodedStepKind::derived) continue;
    const auto length = static_cast<size_t>(step.length_bytes);
    const ByteSpan factors = ByteSpan(workspace->section).first(length);
    uint64_t source = 0;
    if (!source_of(i, *workspace, &source)) return Status::corrupt_data;
    const Status status = gather(source, i, base, *workspace, factors);
    if (status != Status::ok) return status;
    uint8_t* numbers = workspace->coded.data() + workspace->coded_before[i];
    for (size_t at = 0; at < length; at += sizeof(uint32_t)) {
      const uint32_t product =
          f32_product(load_le<uint32_t>(factors.data() + at), step.factor);
      store_le(numbers + at, product + load_le<uint32_t>(numbers + at));
    }
  }
  return Status::ok;
}

}  // namespace mallorn::apply
