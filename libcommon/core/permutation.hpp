// Elements of a tensor whose axes stand in another order in the base
// (docs/format/structure.md, "Permuted steps"). Exporters transpose what they please.
#pragma once

#include <array>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn {

constexpr uint32_t kMaxAxes = 4;
// A step reads from all over the tensor of the base, which is no longer than this.
constexpr uint64_t kMaxPermutedBytes = 1u << 28;

// Where the elements of a step stand in the base. Zeros unless given, as in CodedStep.
struct Permutation {
  uint32_t axes;   // 2 to kMaxAxes; 0: elements stand as they are made
  uint32_t first;  // in the order of the result, the element of the tensor that comes first
  std::array<uint32_t, kMaxAxes> lengths;  // of the axes in the base, the slowest first
  std::array<uint8_t, kMaxAxes> order;     // axes of the base, as they are in the result

  bool is_none() const { return axes == 0; }
  bool operator==(const Permutation&) const = default;
};

// Elements that a permutation can move: no blocks, none of half a byte.
bool can_permute(Dtype dtype);

// How long the tensor is that `permutation`, which is not none, has elements of a step of
// `result_bytes` from; false if it is none of a tensor of `dtype` that has as many.
[[nodiscard]] bool permuted_from(const Permutation& permutation, Dtype dtype,
                                 uint64_t result_bytes, uint64_t* base_bytes);

// Fills `result`. permuted_from(), with the length of `base`.
void permute(const Permutation& permutation, Dtype dtype, ByteView base, ByteSpan result);

}  // namespace mallorn
