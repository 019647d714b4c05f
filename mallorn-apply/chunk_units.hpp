// What of a chunk has to be written where, and what of the base has to be there for it,
// when the result replaces the base bit by bit (docs/format/journal.md).
#pragma once

#include <vector>

#include "mallorn-apply/byte_range.hpp"
#include "mallorn-apply/core/chunk_decoder.hpp"

namespace mallorn::apply {

// Copies of at least this length are written by themselves, this much at most at a time:
// they need nothing decoded.
constexpr uint64_t kLongCopyBytes = 16 * 1024;
constexpr uint64_t kCopyPieceBytes = 1u << 20;

enum class StepFate {
  stays,    // a copy from the very place where it belongs: nothing is to be written
  is_long,  // a long copy from elsewhere
  is_own,   // written with the chunk
};
StepFate fate_of(const CodedStep& step, uint64_t result_offset);

// All ranges of the base that decoding the chunk reads, and those of its short copies;
// sorted, apart. `chunk` is decoded, as far as its steps go.
std::vector<ByteRange> base_ranges(const ChunkWorkspace& chunk, uint64_t base_bytes);

// Calls visit(result_offset, step, coded) for each step: where in the result it belongs,
// and its bytes unless it is a copy.
template <typename Visit>
void for_each_step(const ChunkWorkspace& chunk, uint64_t result_offset, Visit visit) {
  size_t coded_at = 0;
  for (uint32_t i = 0; i < chunk.step_count; ++i) {
    const CodedStep& step = chunk.step[i];
    const bool is_copy = step.kind == CodedStepKind::copy;
    const auto length = static_cast<size_t>(is_copy ? 0 : step.length_bytes);
    visit(result_offset, step, ByteView(chunk.coded).subspan(coded_at, length));
    coded_at += length;
    result_offset += step.length_bytes;
  }
}

// Calls take(result_offset, bytes) for what is written with the chunk, front to back.
template <typename Take>
void for_each_own_piece(const ChunkWorkspace& chunk, uint64_t result_offset, ByteView base,
                        Take take) {
  for_each_step(chunk, result_offset,
                [&](uint64_t at, const CodedStep& step, ByteView coded) {
                  if (fate_of(step, at) != StepFate::is_own) return;
                  const bool is_copy = step.kind == CodedStepKind::copy;
                  take(at, is_copy ? base.subspan(static_cast<size_t>(step.base_offset),
                                                  static_cast<size_t>(step.length_bytes))
                                   : coded);
                });
}

}  // namespace mallorn::apply
