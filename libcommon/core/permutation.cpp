#include "libcommon/core/permutation.hpp"

namespace mallorn {
namespace {

// One axis of the result.
struct Axis {
  uint32_t length = 1;
  uint32_t stride = 0;  // in the base, in elements
  uint32_t at = 0;
};

// Walks the elements of the base as the result has them.
class Walk {
 public:
  explicit Walk(const Permutation& permutation) {
    std::array<uint32_t, kMaxAxes> strides{};
    uint32_t stride = 1;
    for (uint32_t i = permutation.axes; i-- > 0;) {
      strides[i] = stride;
      stride *= permutation.lengths[i];
    }
    uint32_t left = permutation.first;
    for (uint32_t i = permutation.axes; i-- > 0;) {  // the fastest is the last of axes_
      Axis& axis = axes_[kMaxAxes - permutation.axes + i];
      axis.length = permutation.lengths[permutation.order[i]];
      axis.stride = strides[permutation.order[i]];
      axis.at = left % axis.length;
      left /= axis.length;
    }
  }

  uint32_t stride() const { return axes_.back().stride; }
  // Elements that follow at that stride.
  uint32_t run() const { return axes_.back().length - axes_.back().at; }
  size_t offset() const {
    size_t offset = 0;
    for (const Axis& axis : axes_) offset += size_t{axis.at} * axis.stride;
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

template <typename T>
void permute_each(const Permutation& permutation, const uint8_t* base, ByteSpan result) {
  Walk walk(permutation);
  const size_t stride = size_t{walk.stride()} * sizeof(T);
  uint8_t* to = result.data();
  for (size_t left = result.size() / sizeof(T); left > 0; walk.advance()) {
    const size_t run = walk.run() < left ? walk.run() : left;
    const uint8_t* from = base + walk.offset() * sizeof(T);
    for (size_t i = 0; i < run; ++i) {
      memcpy(to + i * sizeof(T), from + i * stride, sizeof(T));
    }
    to += run * sizeof(T);
    left -= run;
  }
}

bool is_order(const Permutation& permutation) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < permutation.axes; ++i) seen |= 1u << permutation.order[i];
  return seen == (1u << permutation.axes) - 1;
}

}  // namespace

bool can_permute(Dtype dtype) {
  const DtypeLayout& layout = dtype_layout(dtype);
  return dtype != Dtype::opaque && layout.block_elements == 1 &&
         layout.block_bytes <= sizeof(uint64_t);
}

bool permuted_from(const Permutation& permutation, Dtype dtype, uint64_t result_bytes,
                   uint64_t* base_bytes) {
  if (!can_permute(dtype) || permutation.axes < 2 || permutation.axes > kMaxAxes ||
      !is_order(permutation)) {
    return false;
  }
  const uint64_t width = dtype_layout(dtype).block_bytes;
  uint64_t bytes = width;
  for (uint32_t i = 0; i < permutation.axes; ++i) {
    if (permutation.lengths[i] < 2) return false;
    bytes *= permutation.lengths[i];  // below 2^28 * 2^32
    if (bytes > kMaxPermutedBytes) return false;
  }
  *base_bytes = bytes;
  return result_bytes % width == 0 &&
         range_fits(permutation.first * width, result_bytes, bytes);
}

void permute(const Permutation& permutation, Dtype dtype, ByteView base, ByteSpan result) {
  switch (dtype_layout(dtype).block_bytes) {
    case 1:
      return permute_each<uint8_t>(permutation, base.data(), result);
    case 2:
      return permute_each<uint16_t>(permutation, base.data(), result);
    case 4:
      return permute_each<uint32_t>(permutation, base.data(), result);
    default:
      return permute_each<uint64_t>(permutation, base.data(), result);
  }
}

}  // namespace mallorn
