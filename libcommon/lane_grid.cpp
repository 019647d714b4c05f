#include "libcommon/lane_grid.hpp"

#include <algorithm>

#include "libcommon/error.hpp"

namespace mallorn {

std::vector<uint8_t> lane_grid_to_bytes(const LaneGrid& grid) {
  std::vector<uint8_t> bytes(kMaxLaneHead + grid.scales.size());
  ByteWriter writer(bytes);
  write_lane_grid(grid, writer);
  bytes.resize(writer.size());
  return bytes;
}

LaneGrid lane_grid_from_bytes(ByteView bytes, const Conversion& conversion, Dtype to) {
  ByteReader reader(bytes);
  LaneGrid grid;
  if (!read_lane_grid(reader, conversion, to, &grid) || !reader.at_end()) {
    throw Error(Status::internal, "a grid of lanes is none");
  }
  return grid;
}

std::vector<uint8_t> part_of_lanes(const LaneGrid& grid, uint64_t begin,
                                   uint64_t elements) {
  LaneGrid part = grid;
  const uint64_t at = grid.first + begin;
  const uint64_t first_lane = at / grid.run;
  part.first = at % grid.run;
  part.lanes = static_cast<uint32_t>(
      std::min<uint64_t>(grid.lanes, (part.first + elements - 1) / grid.run + 1));
  std::vector<uint8_t> scales;
  for (uint64_t lane = 0; !grid.is_derived && lane < part.lanes; ++lane) {
    const auto from = static_cast<size_t>((first_lane + lane) % grid.lanes) * sizeof(float);
    const ByteView scale = grid.scales.subspan(from, sizeof(float));
    scales.insert(scales.end(), scale.begin(), scale.end());
  }
  part.scales = scales;
  return lane_grid_to_bytes(part);
}

}  // namespace mallorn
