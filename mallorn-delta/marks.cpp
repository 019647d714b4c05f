#include "mallorn-delta/marks.hpp"

#include <algorithm>
#include <bit>
#include <map>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kMostMarks = 1u << 19;
constexpr unsigned kLeastShift = 4;
constexpr unsigned kLeastSlotBits = 8;
constexpr unsigned kOffsetBits = 40;  // larger bases are looked at so far
constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;
constexpr size_t kMostSteps = 8;  // from slot to slot
constexpr uint64_t kWord = sizeof(uint64_t);

// Calls visit(hash, offset) for the marks from `begin` to `end`, offsets in the model.
template <typename Visit>
void for_each_mark(ByteView bytes, uint64_t begin, uint64_t end, size_t width,
                   unsigned shift, Visit visit) {
  for (uint64_t at = begin; at + kWord <= end; at += width) {
    const auto word = load_le<uint64_t>(bytes.data() + at);
    const uint64_t mixed = (word ^ word >> 32) * 0x9E3779B97F4A7C15;
    if (mixed >> (64 - shift) != 0 || std::rotl(word, 32) == word) continue;
    visit((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9, at);
  }
}

size_t width_of(const Range& range) { return dtype_layout(range.dtype).block_bytes; }

}  // namespace

Marks::Marks(const Model& base)
    : base_(base), shift_(kLeastShift), slot_bits_(kLeastSlotBits) {
  uint64_t elements = 0;
  for (const Range& range : base.manifest.ranges) {
    if (is_elements(range)) elements += range.length_bytes / width_of(range);
  }
  while (elements >> shift_ > kMostMarks) ++shift_;
  while (elements >> shift_ << 1 > uint64_t{1} << slot_bits_) ++slot_bits_;
  slots_.assign(size_t{1} << slot_bits_, 0);
  for (const Range& range : base.manifest.ranges) {
    if (!is_elements(range)) continue;
    constexpr uint64_t kPiece = 1u << 20;  // elements
    const uint64_t end = range.offset_bytes + range.length_bytes;
    const uint64_t piece = kPiece * width_of(range);
    PassedPages passed(base.bytes(), range.offset_bytes);
    for (uint64_t at = range.offset_bytes; at < end; at += piece) {
      const uint64_t piece_end = end - at > piece ? at + piece + kWord - 1 : end;
      for_each_mark(base.bytes(), at, std::min(piece_end, end), width_of(range), shift_,
                    [this](uint64_t hash, uint64_t offset) { add(hash, offset); });
      passed.advance_to(std::min(at + piece, end));
    }
  }
}

void Marks::add(uint64_t hash, uint64_t offset) {
  if (offset >= kOffsetMask) return;
  for (size_t i = 0; i < kMostSteps; ++i) {
    uint64_t& slot = slots_[((hash >> (64 - slot_bits_)) + i) % slots_.size()];
    if (slot == 0) {
      slot = hash << kOffsetBits | (offset + 1);
      return;
    }
    if (slot >> kOffsetBits == (hash & (UINT64_MAX >> kOffsetBits))) return;
  }
}

std::optional<uint64_t> Marks::place_of(uint64_t hash) const {
  for (size_t i = 0; i < kMostSteps; ++i) {
    const uint64_t slot = slots_[((hash >> (64 - slot_bits_)) + i) % slots_.size()];
    if (slot == 0) return {};
    if (slot >> kOffsetBits == (hash & (UINT64_MAX >> kOffsetBits)))
      return (slot & kOffsetMask) - 1;
  }
  return {};
}

Marks::Found Marks::find(const Model& result, const Range& range) const {
  constexpr uint64_t kPieces = 64;
  constexpr uint64_t kPieceElements = 1u << 14;
  constexpr uint64_t kMostSeen = 4096;
  constexpr size_t kMostRanges = 8;
  const uint64_t piece = kPieceElements * width_of(range);
  const uint64_t pitch =
      std::max(piece, range.length_bytes / kPieces / width_of(range) * width_of(range));
  const uint64_t end = range.offset_bytes + range.length_bytes;
  // As many of each piece, so that what is new at the beginning does not hide the rest.
  const size_t most = kMostSeen / (1 + (range.length_bytes - 1) / pitch);
  std::vector<uint64_t> marks;
  for (uint64_t at = range.offset_bytes; at < end; at += pitch) {
    const size_t before = marks.size();
    for_each_mark(result.bytes(), at, std::min(end, at + piece), width_of(range), shift_,
                  [&](uint64_t hash, uint64_t) {
                    if (marks.size() - before < most) marks.push_back(hash);
                  });
  }
  result.file->release(range.offset_bytes, range.length_bytes);
  // Each once: the same few bytes again and again tell nothing.
  std::ranges::sort(marks);
  marks.erase(std::unique(marks.begin(), marks.end()), marks.end());
  Found made;
  made.seen = marks.size();
  std::map<size_t, uint64_t> by_range;
  for (const uint64_t hash : marks) {
    const auto place = place_of(hash);
    if (!place) continue;
    ++made.found;
    ++by_range[range_at(base_, *place)];
  }
  for (const auto& [index, votes] : by_range) made.ranges.push_back(index);
  std::ranges::stable_sort(made.ranges, std::greater{},
                           [&](size_t index) { return by_range[index]; });
  made.ranges.resize(std::min(made.ranges.size(), kMostRanges));
  // Those that have few beside the one that has most, which may have few as well.
  while (made.ranges.size() > 1 && by_range[made.ranges.back()] < made.found / 16)
    made.ranges.pop_back();
  return made;
}

}  // namespace mallorn::delta
