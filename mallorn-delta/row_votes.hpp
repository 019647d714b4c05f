// Finds which row of one tensor each row of another was, by the elements that they have in
// common, whatever has become of the columns.
#pragma once

#include <optional>
#include <vector>

#include "mallorn-delta/axis_match.hpp"

namespace mallorn::delta {

// Of longer axes nothing is known: what is kept of each row takes 128 bytes at least.
constexpr uint64_t kMaxVotedRows = 1u << 17;

// What rows must have in common.
enum class Alike : uint8_t {
  whole,  // all elements, in any order: quick
  equal,  // that, or equal elements beside each other
  near,   // beside each other, such as are about as large
};

// The picks of axis `which`, the slowest of those that have several indices; kNoIndex for
// rows that have too little in common with one of the base. Nothing if few are found. Time
// linear in the length of the tensors, near enough.
std::optional<std::vector<uint32_t>> match_rows(const AxisPair& pair, size_t which,
                                                Alike alike);

}  // namespace mallorn::delta
