// Codes of TFLite and ONNX from floats, and back: quantization by a scale for each lane
// (docs/format/conversions.md, "Lanes").
#pragma once

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/conversion.hpp"

namespace mallorn {

constexpr uint32_t kMaxLanes = 1u << 13;

// Which scale is that of which element, and how codes are rounded.
struct LaneGrid {
  // The element `first` places into the array of lanes comes first. There, `run` elements
  // are of the first lane, as many of the next, and after the last lane it is the first
  // again.
  uint64_t first = 0;        // below run
  uint64_t run = 1;          // 1 to 2^40
  uint32_t lanes = 1;        // 1 to kMaxLanes
  int32_t zero = 0;          // the code of zero; -128 to 255
  bool has_inverse = false;  // codes are products with 1 / scale, not quotients
  bool is_even = false;      // halves go to the even code, not away from zero
  // Scales are the largest magnitude of their lane over 127; else `scales` has them, as
  // binary32.
  bool is_derived = false;
  ByteView scales;
};

// True if codes (i8, u8) are made from a float, or a float from codes.
bool has_lanes(const Conversion& conversion, Dtype to);

// The grid as bytes, and back. False for what is no grid of that conversion, which has
// lanes; what has been read views the reader's bytes.
constexpr size_t kMaxLaneHead = 1 + 4 * kMaxVarintBytes;  // with 4 bytes of each scale
void write_lane_grid(const LaneGrid& grid, ByteWriter& writer);
[[nodiscard]] bool read_lane_grid(ByteReader& reader, const Conversion& conversion,
                                  Dtype to, LaneGrid* grid);

// Both hold as many elements.
void convert_lanes(const Conversion& conversion, const LaneGrid& grid, Dtype to,
                   ByteView base, ByteSpan result);

// The scale that is_derived gives to lane `lane` of floats, as binary32.
uint32_t derived_scale(const Conversion& conversion, const LaneGrid& grid, uint32_t lane,
                       ByteView base);

}  // namespace mallorn
