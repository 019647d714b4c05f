// Finds which index of an axis of one tensor each index of the same axis of another was.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// Of an index of the result that is none of the base.
constexpr uint32_t kNoIndex = UINT32_MAX;

// An axis of a tensor of the result, and what is known of where its indices are from.
struct MatchedAxis {
  uint64_t base_length = 1;
  uint64_t length = 1;
  std::vector<uint32_t> picks;  // or kNoIndex; empty: all of the base, in order

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

// Of longer axes nothing is known: what is kept of each index takes 80 bytes.
constexpr uint64_t kMaxMatchedIndices = 1u << 20;

// The picks of axis `which`, if those of the others are right: by a few elements of each
// index, equal ones first, else those that are about as large. Nothing if few are
// found, or if none has moved. Near-linear in the length of the axis.
std::optional<std::vector<uint32_t>> match_axis(const AxisPair& pair, size_t which);

// The picks with an index of the base for each: in place of kNoIndex, one that costs little
// to say.
std::vector<uint32_t> whole_picks(const MatchedAxis& axis);

}  // namespace mallorn::delta
