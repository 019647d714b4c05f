#include "libcommon/core/permutation.hpp"

namespace mallorn {
namespace {

// One axis of the result.
struct Axis {
  uint32_t length = 1;
  uint32_t stride = 0;  // in the base, in elements
  uint32_t at = 0;
  const uint32_t* picks = nullptr;  // null: all indices

  size_t offset(uint32_t index) const {
    return size_t{picks == nullptr ? index : picks[index]} * stride;
  }
};

// Walks the elements of the base as the result has them.
class Walk {
 public:
  Walk(const Permutation& permutation, Picks picks) {
    std::array<uint32_t, kMaxAxes> strides{};
    uint32_t stride = 1;
    for (uint32_t i = permutation.axes; i-- > 0;) {
      strides[i] = stride;
      stride *= permutation.lengths[i];
    }
    uint32_t left = permutation.first;
    for (uint32_t i = permutation.axes; i-- > 0;) {  // the fastest is the last of axes_
      Axis& axis = axes_[kMaxAxes - permutation.axes + i];
      const uint32_t in_base = permutation.order[i];
      axis.length = permutation.result_length(in_base);
      axis.stride = strides[in_base];
      if (permutation.picked[in_base] > 0)
        axis.picks = picks.data() + permutation.picks_before(in_base);
      axis.at = left % axis.length;
      left /= axis.length;
    }
  }

  // Of the fastest axis: what is left of it, and where its elements are, from offset() on.
  uint32_t run() const { return axes_.back().length - axes_.back().at; }
  size_t offset_in_run(uint32_t i) const {
    return axes_.back().offset(axes_.back().at + i);
  }
  bool is_straight() const {
    return axes_.back().stride == 1 && axes_.back().picks == nullptr;
  }

  // Of the others.
  size_t offset() const {
    size_t offset = 0;
    for (uint32_t i = 0; i + 1 < kMaxAxes; ++i) offset += axes_[i].offset(axes_[i].at);
    return offset;
  }
  // Goes on behind a whole run.
  void advance() {
    axes_.back().at = 0;
    for (uint32_t i = kMaxAxes - 1; i-- > 0;) {
      if (++axes_[i].at < axes_[i].length) return;
      axes_[i].at = 0;
    }
  }

 private:
  std::array<Axis, kMaxAxes> axes_;
};

// Of elements of `width` bytes, which is constant in most calls.
[[gnu::always_inline]] inline void permute_each(size_t width,
                                                const Permutation& permutation, Picks picks,
                                                const uint8_t* base, ByteSpan result) {
  Walk walk(permutation, picks);
  uint8_t* to = result.data();
  for (size_t left = result.size() / width; left > 0; walk.advance()) {
    const uint32_t run = walk.run() < left ? walk.run() : static_cast<uint32_t>(left);
    const uint8_t* from = base + walk.offset() * width;
    if (walk.is_straight()) {
      memcpy(to, from + walk.offset_in_run(0) * width, run * width);
    } else {
      for (uint32_t i = 0; i < run; ++i)
        memcpy(to + i * width, from + walk.offset_in_run(i) * width, width);
    }
    to += run * width;
    left -= run;
  }
}

bool is_order(const Permutation& permutation) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < permutation.axes; ++i) seen |= 1u << permutation.order[i];
  return seen == (1u << permutation.axes) - 1;
}

}  // namespace

bool can_permute(Dtype dtype) { return dtype != Dtype::opaque; }

bool permuted_from(const Permutation& permutation, Dtype dtype, uint64_t result_bytes,
                   uint64_t* base_bytes) {
  if (!can_permute(dtype) || permutation.axes < 1 || permutation.axes > kMaxAxes ||
      !is_order(permutation)) {
    return false;
  }
  const uint64_t width = dtype_layout(dtype).block_bytes;
  uint64_t bytes = width;
  uint64_t made = width;
  for (uint32_t i = 0; i < permutation.axes; ++i) {
    if (permutation.lengths[i] < 2) return false;
    bytes *= permutation.lengths[i];  // below 2^28 * 2^32
    made *= permutation.result_length(i);
    if (bytes > kMaxPermutedBytes || made > kMaxPermutedBytes) return false;
  }
  *base_bytes = bytes;
  return result_bytes % width == 0 &&
         range_fits(permutation.first * width, result_bytes, made);
}

bool has_picks(const Permutation& permutation, Picks picks) {
  if (picks.size() != permutation.picks_before(permutation.axes)) return false;
  size_t at = 0;
  for (uint32_t axis = 0; axis < permutation.axes; ++axis) {
    for (uint32_t i = 0; i < permutation.picked[axis]; ++i) {
      if (picks[at++] >= permutation.lengths[axis]) return false;
    }
  }
  return true;
}

void permute(const Permutation& permutation, Picks picks, Dtype dtype, ByteView base,
             ByteSpan result) {
  const size_t width = dtype_layout(dtype).block_bytes;
  switch (width) {
    case 1:
      return permute_each(1, permutation, picks, base.data(), result);
    case 2:
      return permute_each(2, permutation, picks, base.data(), result);
    case 4:
      return permute_each(4, permutation, picks, base.data(), result);
    case 8:
      return permute_each(8, permutation, picks, base.data(), result);
    default:
      return permute_each(width, permutation, picks, base.data(), result);
  }
}

}  // namespace mallorn
