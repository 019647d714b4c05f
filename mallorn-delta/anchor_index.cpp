#include "mallorn-delta/anchor_index.hpp"

#include <bit>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/rows.hpp"

namespace mallorn::delta {
namespace {

// An odd number of bytes: so places have all remainders by the width of elements.
constexpr uint64_t kLeastStride = 31;

bool is_structured(const Range& range) {
  return range.kind == RangeKind::tensor && range.dtype != Dtype::opaque;
}

}  // namespace

uint64_t AnchorIndex::digest_of(const uint8_t* first) {
  const auto low = load_le<uint64_t>(first);
  const auto high = load_le<uint64_t>(first + 8);
  if (low == high && std::rotl(low, 32) == low) return 0;
  return (mix(low) ^ std::rotl(mix(high), 23)) | uint64_t{1} << 63;
}

AnchorIndex::AnchorIndex(const Model& base) : base_(base) {
  const std::vector<Range>& ranges = base.manifest.ranges;
  std::vector<std::vector<Signs>> readings;  // of each range
  uint64_t total = 0;
  for (const Range& range : ranges) {
    readings.push_back(readings_of(range));
    uint64_t keys = 0;  // of a place
    for (const Signs& signs : readings.back()) keys += signs.is_centred() ? 2 : 1;
    total += range.length_bytes * keys;
  }
  const uint64_t stride = std::max(kLeastStride, total / kMaxAnchors | 1);
  const uint64_t most = std::min<uint64_t>(total / kLeastStride, kMaxAnchors);
  slot_bits_ = std::max(4u, static_cast<unsigned>(std::bit_width(2 * most)));
  filter_.assign((size_t{1} << kFilterBits) / 64, 0);
  slots_.assign(size_t{1} << slot_bits_, 0);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const uint64_t row = is_structured(ranges[i]) ? row_bytes(ranges[i]) : 0;
    for (const Signs& signs : readings[i]) add_places(ranges[i], signs, row, stride);
  }
}

// The ways in which the signs of a range may be read.
std::vector<Signs> AnchorIndex::readings_of(const Range& range) const {
  if (!is_structured(range)) return {Signs(1), Signs(2), Signs(4)};
  const Signs signs(range.dtype, bytes_of(base_, range));
  base_.file->release(range.offset_bytes, range.length_bytes);
  return {signs};
}

// Rows short against the stride have places in every n-th, long ones several.
void AnchorIndex::add_places(const Range& range, const Signs& signs, uint64_t row_bytes,
                             uint64_t stride) {
  const size_t width = signs.width();
  const uint64_t key_bytes = std::max(kKeySigns * width, kKeyBytes);
  if (range.length_bytes < key_bytes) return;
  const uint64_t last = range.length_bytes - key_bytes;
  PassedPages passed(base_.bytes(), range.offset_bytes);
  const auto add_at = [&](uint64_t at) {
    add(range.offset_bytes + at, signs);
    passed.advance_to(range.offset_bytes + at);
  };
  if (row_bytes == 0) {
    for (uint64_t at = 0; at <= last; at += stride) add_at(at);
    return;
  }
  const uint64_t rows = (stride + row_bytes - 1) / row_bytes;
  const uint64_t step = (stride + width - 1) / width * width;
  for (uint64_t row = 0; row <= last; row += rows * row_bytes) {
    for (uint64_t at = row; at <= last && at < row + row_bytes; at += step) {
      add_at(at);
    }
  }
}

// What is amid the elements of one tensor is not amid those of all: where signs are read by
// it, equal bytes are to be found as well.
void AnchorIndex::add(uint64_t offset, const Signs& signs) {
  if (offset + 1 >= uint64_t{1} << kOffsetBits) return;
  const uint8_t* at = base_.bytes().data() + offset;
  const uint64_t key = key_of(sign_key(signs, at), at, signs.width());
  add(key, offset);
  const uint64_t digest = signs.is_centred() ? digest_of(at) : 0;
  if (digest != key) add(digest, offset);
}

void AnchorIndex::add(uint64_t key, uint64_t offset) {
  if (key == 0) return;
  const uint64_t mixed = mix(key);
  filter_[mixed >> (64 - kFilterBits) >> 6] |= uint64_t{1}
                                               << (mixed >> (64 - kFilterBits) & 63);
  const uint64_t entry = mixed << kOffsetBits | (offset + 1);
  const uint64_t mask = slots_.size() - 1;
  for (size_t i = 0; i < kMaxFound; ++i) {
    uint64_t& slot = slots_[((mixed >> (64 - slot_bits_)) + i) & mask];
    if (slot != 0) continue;
    slot = entry;
    return;
  }
}

AnchorIndex::Found AnchorIndex::find(uint64_t key) const {
  Found found;
  const uint64_t mixed = mix(key);
  const uint64_t mask = slots_.size() - 1;
  for (size_t i = 0; i < kMaxFound; ++i) {
    const uint64_t slot = slots_[((mixed >> (64 - slot_bits_)) + i) & mask];
    if (slot == 0) break;
    if (slot >> kOffsetBits != (mixed << kOffsetBits) >> kOffsetBits) continue;
    found.offsets[found.count++] = (slot & ((uint64_t{1} << kOffsetBits) - 1)) - 1;
  }
  return found;
}

}  // namespace mallorn::delta
