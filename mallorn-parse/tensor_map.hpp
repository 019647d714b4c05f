// Turns the ranges a parser found into the tiling that a Manifest holds.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/manifest.hpp"

namespace mallorn::parse {

// Sorts `ranges`, drops empty ones, and returns ranges that tile [0, length_bytes) exactly.
// Where two overlap: equal extents become one range with the names of both (the first one's
// dtype, shape and quantization); otherwise the one that starts first (then: the longer,
// then: the first found) keeps its bytes and the rest of the other becomes an `opaque` gap.
// What nothing covers becomes gap ranges. Precondition: every range lies inside the file.
std::vector<Range> tile_ranges(std::vector<Range> ranges, uint64_t length_bytes);

}  // namespace mallorn::parse
