#include "mallorn-delta/moved_bytes.hpp"

#include <algorithm>

#include "libcommon/core/base_cursor.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kBit = 1024;
constexpr uint64_t kStepBits = 32;
constexpr uint64_t kByteBits = 8;   // of one that nothing foresees
constexpr uint64_t kBreakBits = 8;  // saying that what follows is not foreseen
constexpr uint64_t kFarEach = 32;   // bytes that are foreseen cost a bit

}  // namespace

uint64_t cost_of_segments(ByteView base, ByteView result,
                          const std::vector<Segment>& segments) {
  uint64_t bits = 0;
  uint64_t foreseen = 0;
  uint64_t at = 0;
  for (const Segment& segment : segments) {
    bits += kStepBits;
    if (!segment.is_copy && !segment.has_base) bits += segment.length * kByteBits;
    BaseCursor cursor(base, 0, segment.base_offset);
    bool was_foreseen = true;
    for (uint64_t i = 0; !segment.is_copy && segment.has_base && i < segment.length; ++i) {
      const uint8_t byte = result[static_cast<size_t>(at + i)];
      const bool is_foreseen = cursor.foresees(byte);
      if (is_foreseen) {
        ++foreseen;
      } else {
        bits += kByteBits + (was_foreseen ? kBreakBits : 0);
      }
      was_foreseen = is_foreseen;
      cursor.advance(byte);
    }
    at += segment.length;
  }
  return (bits + foreseen / kFarEach) * kBit;
}

std::optional<MovedBytes> MovedTensors::find(const Range& range, const Marks::Found& found,
                                             uint64_t expected, uint64_t most) {
  std::optional<ByteIndex> made_index;
  if (whole_ == nullptr) made_index = index_of(found);
  ByteIndex* const index = made_index ? &*made_index : whole_;
  if (index == nullptr || !is_promising(range, *index, expected, most)) return {};
  MovedBytes made;
  const ByteView bytes = bytes_of(result_, range);
  made.segments = match_bytes(base_.bytes(), *index, bytes, expected, &budget_);
  if (made.segments.empty()) return {};
  made.cost = cost_of_segments(base_.bytes(), bytes, made.segments);
  if (made.cost >= most) return {};
  budget_.segments -= std::min(budget_.segments, made.segments.size());
  return made;
}

std::optional<ByteIndex> MovedTensors::index_of(const Marks::Found& found) {
  constexpr uint64_t kMostAgain = 4;  // times that the base is long
  constexpr uint64_t kMostEntries = ByteIndex::kMaxEntries / 4;
  std::vector<ByteRange> bytes;
  uint64_t all = indexed_bytes_;
  for (const size_t i : found.ranges) {
    const Range& range = base_.manifest.ranges[i];
    bytes.push_back({range.offset_bytes, range.length_bytes});
    all += range.length_bytes;
  }
  if (bytes.empty() || all / kMostAgain > base_.bytes().size()) return {};
  indexed_bytes_ = all;
  return ByteIndex(base_.bytes(), bytes, kMostEntries);
}

bool MovedTensors::is_promising(const Range& range, ByteIndex& index, uint64_t expected,
                                uint64_t most) const {
  constexpr uint64_t kSamples = 16;
  constexpr uint64_t kSample = 1u << 13;
  if (range.length_bytes <= 2 * kSamples * kSample) return true;
  const uint64_t pitch = range.length_bytes / kSamples;
  SearchBudget budget = budget_;  // as thorough as all will be
  uint64_t cost = 0;
  uint64_t count = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const ByteView sample = bytes_of(result_, range).subspan(i * pitch, kSample);
    const auto segments =
        match_bytes(base_.bytes(), index, sample, expected + i * pitch, &budget);
    cost += cost_of_segments(base_.bytes(), sample, segments);
    count += segments.size();
  }
  const uint64_t share = range.length_bytes / (kSamples * kSample);
  return cost * share < most && count * share < budget_.segments;
}

}  // namespace mallorn::delta
