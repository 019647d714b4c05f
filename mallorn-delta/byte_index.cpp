#include "mallorn-delta/byte_index.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/passed_pages.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kGoodEnough = 4096;  // a match this long ends the search

}  // namespace

uint64_t long_common_length(ByteView a, ByteView b) {
  constexpr size_t kPiece = 1u << 20;
  PassedPages passed(a, 0);
  PassedPages passed_other(b, 0);
  for (size_t at = 0;; at += kPiece) {
    if (at >= a.size() || at >= b.size()) return std::min(a.size(), b.size());
    const size_t piece = std::min({kPiece, a.size() - at, b.size() - at});
    const size_t common = common_length(a.subspan(at, piece), b.subspan(at, piece));
    if (common < kPiece) return at + common;
    passed.advance_to(at + common);
    passed_other.advance_to(at + common);
  }
}

size_t common_length(ByteView a, ByteView b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t at = 0;
  for (; at + 8 <= limit; at += 8) {
    const uint64_t differing =
        load_le<uint64_t>(a.data() + at) ^ load_le<uint64_t>(b.data() + at);
    if (differing != 0) return at + static_cast<size_t>(std::countr_zero(differing)) / 8;
  }
  while (at < limit && a[at] == b[at]) ++at;
  return at;
}

uint64_t ByteIndex::hash(const uint8_t* at) {
  const uint64_t six =
      load_le<uint32_t>(at) | static_cast<uint64_t>(load_le<uint16_t>(at + 4)) << 32;
  return six * 0x9E3779B97F4A7C15ull;
}

void ByteIndex::make() {
  uint64_t total = 0;
  for (const ByteRange& range : ranges_) total += range.length;
  uint64_t stride = std::max<uint64_t>(1, (total + most_entries_ - 1) / most_entries_);
  stride += stride % kSearchStride == 0 ? 1 : 0;
  const uint64_t entries = total / stride + ranges_.size();
  hash_bits_ = std::clamp(static_cast<unsigned>(std::bit_width(entries)), 8u, kMaxHashBits);
  heads_.assign(size_t{1} << hash_bits_, 0);
  previous_.reserve(entries);
  positions_.reserve(entries);
  for (const ByteRange& range : ranges_) {
    PassedPages passed(base_, range.offset);
    for (uint64_t at = 0; at + kMinMatch <= range.length; at += stride) {
      const uint64_t offset = range.offset + at;
      if (offset > kOffsetMask) return;
      const uint64_t mixed = hash(base_.data() + offset);
      uint32_t& head = heads_[head_of(mixed)];
      previous_.push_back(head);
      positions_.push_back(tag_of(mixed) | offset);
      head = static_cast<uint32_t>(positions_.size());
      passed.advance_to(offset);
    }
  }
}

ByteIndex::Match ByteIndex::find(ByteView at, uint64_t near, unsigned candidates) {
  Match best;
  if (at.size() < kMinMatch) return best;
  if (heads_.empty()) make();
  const auto distance = [&](uint64_t offset) {
    return offset > near ? offset - near : near - offset;
  };
  const uint64_t mixed = hash(at.data());
  const uint64_t tag = tag_of(mixed);
  uint32_t entry = heads_[head_of(mixed)];
  for (unsigned i = 0; entry != 0 && i < candidates; ++i) {
    const uint64_t position = positions_[entry - 1];
    const uint64_t offset = position & kOffsetMask;
    entry = previous_[entry - 1];
    if (position - offset != tag) continue;
    const size_t length = common_length(base_.subspan(static_cast<size_t>(offset)), at);
    if (length < kMinMatch || length < best.length) continue;
    if (length == best.length && distance(offset) >= distance(best.base_offset)) continue;
    best = {offset, length};
    if (length >= kGoodEnough) break;
  }
  return best;
}

}  // namespace mallorn::delta
