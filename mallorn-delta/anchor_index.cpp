#include "mallorn-delta/anchor_index.hpp"

#include <bit>

#include "mallorn-delta/passed_pages.hpp"
#include "mallorn-delta/rows.hpp"

namespace mallorn::delta {
namespace {

// Where nothing is known of elements they may have these widths.
constexpr std::array<size_t, 3> kWidths = {1, 2, 4};

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
  uint64_t total = 0;
  for (const Range& range : base.manifest.ranges) {
    total += range.length_bytes * (is_structured(range) ? 1 : kWidths.size());
  }
  const uint64_t stride = std::max(kLeastStride, total / kMaxAnchors | 1);
  const uint64_t most = std::min<uint64_t>(total / kLeastStride, kMaxAnchors);
  slot_bits_ = std::max(4u, static_cast<unsigned>(std::bit_width(2 * most)));
  filter_.assign((size_t{1} << kFilterBits) / 64, 0);
  slots_.assign(size_t{1} << slot_bits_, 0);
  for (const Range& range : base.manifest.ranges) add_range(range, stride);
}

void AnchorIndex::add_range(const Range& range, uint64_t stride) {
  if (is_structured(range)) {
    add_places(range, sign_width(range.dtype), row_bytes(range), stride);
  } else {
    for (const size_t width : kWidths) add_places(range, width, 0, stride);
  }
}

// Rows short against the stride have places in every n-th, long ones several.
void AnchorIndex::add_places(const Range& range, size_t width, uint64_t row_bytes,
                             uint64_t stride) {
  const uint64_t key_bytes = std::max(kKeySigns * width, kKeyBytes);
  if (range.length_bytes < key_bytes) return;
  const uint64_t last = range.length_bytes - key_bytes;
  PassedPages passed(base_, range.offset_bytes);
  const auto add_at = [&](uint64_t at) {
    add(range.offset_bytes + at, width);
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

void AnchorIndex::add(uint64_t offset, size_t width) {
  if (offset + 1 >= uint64_t{1} << kOffsetBits) return;
  const uint8_t* at = base_.bytes().data() + offset;
  const uint64_t key = key_of(sign_key(at, width), at, width);
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
