// Elements of a tensor whose axes stand in another order in the base, or have lost some of
// their indices, or have them in another order (docs/format/structure.md, "Permuted
// steps"). Exporters transpose what they please, and networks are made narrower.
#pragma once

#include <array>
#include <span>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn {

constexpr uint32_t kMaxAxes = 4;
// A step reads from all over the tensor of the base, which is no longer than this.
constexpr uint64_t kMaxPermutedBytes = 1u << 28;

// Where the elements of a step stand in the base: elements, or blocks of them. Zeros unless
// given, as in CodedStep.
struct Permutation {
  uint32_t axes;   // 1 to kMaxAxes; 0: elements stand as they are made
  uint32_t first;  // in the order of the result, the element of the tensor that comes first
  std::array<uint32_t, kMaxAxes> lengths;  // of the axes in the base, the slowest first
  std::array<uint8_t, kMaxAxes> order;     // axes of the base, as they are in the result
  // Of each axis of the base, how many of its indices the result has, as its picks say;
  // 0: all of them, in their order.
  std::array<uint32_t, kMaxAxes> picked = {};

  bool is_none() const { return axes == 0; }
  bool operator==(const Permutation&) const = default;

  // How long an axis of the base is in the result.
  uint32_t result_length(uint32_t axis) const {
    return picked[axis] > 0 ? picked[axis] : lengths[axis];
  }
  // How many picks there are, of all axes up to `end`.
  uint64_t picks_before(uint32_t end) const {
    uint64_t count = 0;
    for (uint32_t axis = 0; axis < end; ++axis) count += picked[axis];
    return count;
  }
};

// For each index that an axis has in the result, the one of the base that it was; of all
// axes that are picked from, in the order of the base.
using Picks = std::span<const uint32_t>;

// Elements that a permutation can move.
bool can_permute(Dtype dtype);

// How long the tensor is that `permutation`, which is not none, has elements of a step of
// `result_bytes` from; false if it is none of a tensor of `dtype` that has as many.
[[nodiscard]] bool permuted_from(const Permutation& permutation, Dtype dtype,
                                 uint64_t result_bytes, uint64_t* base_bytes);

// Whether these are picks of a permutation that exists: as many, of indices that there are.
[[nodiscard]] bool has_picks(const Permutation& permutation, Picks picks);

// Fills `result`. permuted_from(), with the length of `base`, and has_picks().
void permute(const Permutation& permutation, Picks picks, Dtype dtype, ByteView base,
             ByteSpan result);

}  // namespace mallorn
