// Grids of lanes (libcommon/core/lane_conversion.hpp) as bytes that programs keep and pass
// on, and those of parts of a tensor.
#pragma once

#include <vector>

#include "libcommon/core/lane_conversion.hpp"

namespace mallorn {

std::vector<uint8_t> lane_grid_to_bytes(const LaneGrid& grid);

// `bytes`, which the grid views, have been checked. Throws Error(internal) if they have
// not.
LaneGrid lane_grid_from_bytes(ByteView bytes, const Conversion& conversion, Dtype to);

// The grid of so many elements from the element `begin` of `grid` on: with the scales of
// the lanes that they are in, and no others.
std::vector<uint8_t> part_of_lanes(const LaneGrid& grid, uint64_t begin, uint64_t elements);

}  // namespace mallorn
