// Finds which index of an axis of one tensor each index of the same axis of another was.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// An axis of a tensor of the result, and what is known of where its indices are from.
struct MatchedAxis {
  uint64_t base_length = 1;
  uint64_t length = 1;
  std::vector<uint32_t> picks;  // empty: all of the base, in order

  uint64_t in_base(uint64_t index) const { return picks.empty() ? index : picks[index]; }
};

// Two tensors of elements or blocks, as many axes each, the slowest first.
struct AxisPair {
  const Model& base;
  const Model& result;
  const Range& from;
  const Range& range;
  std::vector<MatchedAxis> axes;
};

// Of longer axes nothing is known: what is kept of each index takes 40 bytes.
constexpr uint64_t kMaxMatchedIndices = 1u << 20;

// The picks of axis `which`, if those of the others are right: by a few elements of each
// index, equal ones first, else those that agree in most signs. Nothing if fewer than half
// are found, or if none has moved. Near-linear in the length of the axis where elements are
// equal; else quadratic, with a bound by the length of the tensor.
std::optional<std::vector<uint32_t>> match_axis(const AxisPair& pair, size_t which);

}  // namespace mallorn::delta
