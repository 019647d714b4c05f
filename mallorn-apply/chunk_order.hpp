// In which order pieces of a file can be replaced, each of which is made of other pieces of
// what the file held before.
#pragma once

#include <span>
#include <vector>

#include "mallorn-apply/byte_range.hpp"

namespace mallorn::apply {

// What one piece of work needs of the old file, and what it overwrites. No two write the
// same byte; all its own reading comes before its writing.
struct UnitRanges {
  std::span<const ByteRange> reads;
  std::span<const ByteRange> writes;
};

struct Order {
  std::vector<uint32_t> units;   // by index, each once
  std::vector<ByteRange> stash;  // old bytes to be kept elsewhere meanwhile; sorted, apart
};

// What keeping account of one pair of units takes of memory.
constexpr uint64_t kEdgeBytes = 64;

// An order in which no unit overwrites what one behind it needs, but for what is in the
// stash. Where units need one another's bytes in a circle, the one with the fewest such
// bytes has them stashed. Work and memory are proportional to the numbers of units and
// ranges, but for a factor: units that are too entangled are stashed without a search. So
// are those for which more than `most_edges` pairs would have to be kept account of.
Order order_units(std::span<const UnitRanges> units, uint64_t most_edges = UINT64_MAX);

}  // namespace mallorn::apply
