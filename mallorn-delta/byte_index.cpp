#include "mallorn-delta/byte_index.hpp"

#include <algorithm>
#include <bit>

namespace mallorn::delta {
namespace {

constexpr unsigned kMaxCandidates = 48;
constexpr size_t kGoodEnough = 4096;  // a match this long ends the search

}  // namespace

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

uint32_t ByteIndex::hash(const uint8_t* at, unsigned bits) {
  const uint64_t six =
      load_le<uint32_t>(at) | static_cast<uint64_t>(load_le<uint16_t>(at + 4)) << 32;
  return static_cast<uint32_t>(six * 0x9E3779B97F4A7C15ull >> (64 - bits));
}

ByteIndex::ByteIndex(ByteView base, const std::vector<ByteRange>& ranges) : base_(base) {
  uint64_t total = 0;
  for (const ByteRange& range : ranges) total += range.length;
  const uint64_t stride = std::max<uint64_t>(1, (total + kMaxEntries - 1) / kMaxEntries);
  const uint64_t entries = total / stride + ranges.size();
  hash_bits_ = std::clamp(static_cast<unsigned>(std::bit_width(entries)), 8u, 22u);
  heads_.assign(size_t{1} << hash_bits_, 0);
  previous_.reserve(entries);
  positions_.reserve(entries);
  for (const ByteRange& range : ranges) {
    for (uint64_t at = 0; at + kMinMatch <= range.length; at += stride) {
      uint32_t& head = heads_[hash(base.data() + range.offset + at, hash_bits_)];
      previous_.push_back(head);
      positions_.push_back(range.offset + at);
      head = static_cast<uint32_t>(positions_.size());
    }
  }
}

ByteIndex::Match ByteIndex::find(ByteView at, uint64_t near) const {
  Match best;
  if (at.size() < kMinMatch) return best;
  const auto distance = [&](uint64_t offset) {
    return offset > near ? offset - near : near - offset;
  };
  uint32_t entry = heads_[hash(at.data(), hash_bits_)];
  for (unsigned i = 0; entry != 0 && i < kMaxCandidates; ++i) {
    const uint64_t offset = positions_[entry - 1];
    entry = previous_[entry - 1];
    const size_t length = common_length(base_.subspan(static_cast<size_t>(offset)), at);
    if (length < kMinMatch || length < best.length) continue;
    if (length == best.length && distance(offset) >= distance(best.base_offset)) continue;
    best = {offset, length};
    if (length >= kGoodEnough) break;
  }
  return best;
}

}  // namespace mallorn::delta
