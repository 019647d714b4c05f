#include "mallorn-delta/best_lanes.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/lane_grid.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kSampleElements = 1u << 16;

// A scale takes as much as some codes do: so many elements there are for each, at least.
constexpr uint64_t kLeastElements = 8;

bool is_codes(Dtype dtype) { return dtype == Dtype::i8 || dtype == Dtype::u8; }

// The scales as they stand in a grid.
std::vector<uint8_t> scales_of(const Quantization& quantization) {
  std::vector<uint8_t> bytes(quantization.scales.size() * sizeof(float));
  for (size_t i = 0; i < quantization.scales.size(); ++i) {
    store_le(bytes.data() + i * sizeof(float),
             std::bit_cast<uint32_t>(quantization.scales[i]));
  }
  return bytes;
}

// Where the scales of a quantized tensor lie; false if that cannot be told. The grid has no
// scales yet.
bool find_lanes(const Range& range, uint64_t elements, LaneGrid* grid) {
  const Quantization& quantization = range.quantization;
  const size_t lanes = quantization.scales.size();
  if (lanes == 0 || lanes > kMaxLanes || elements / kLeastElements < lanes) return false;
  const std::vector<int64_t>& zeros = quantization.zero_points;
  if (!zeros.empty()) {
    if (std::ranges::count(zeros, zeros[0]) != std::ssize(zeros)) return false;
    if (zeros[0] < -128 || zeros[0] > 255) return false;
    grid->zero = static_cast<int32_t>(zeros[0]);
  }
  grid->lanes = static_cast<uint32_t>(lanes);
  grid->run = elements;
  if (lanes == 1) return true;
  const auto axis = static_cast<size_t>(quantization.axis);
  if (axis >= range.shape.size() || range.shape[axis] != lanes) return false;
  grid->run = 1;
  for (size_t i = axis + 1; i < range.shape.size(); ++i) {
    if (!checked_mul(grid->run, range.shape[i], &grid->run)) return false;
  }
  return grid->run > 0 && grid->run <= elements;
}

}  // namespace

std::optional<ConvertedRelation> best_lanes(const Range& from, ByteView base,
                                            const Range& to, ByteView result) {
  const Conversion conversion = {from.dtype};
  if (!has_lanes(conversion, to.dtype)) return {};
  const size_t from_bytes = dtype_layout(from.dtype).block_bytes;
  const size_t to_bytes = dtype_layout(to.dtype).block_bytes;
  const uint64_t elements = std::min(base.size() / from_bytes, result.size() / to_bytes);
  const Range& quantized = is_codes(to.dtype) ? to : from;
  LaneGrid grid;
  if (elements == 0 || !find_lanes(quantized, elements, &grid)) return {};
  const std::vector<uint8_t> scales = scales_of(quantized.quantization);
  grid.scales = scales;

  const auto sample = static_cast<size_t>(std::min(elements, kSampleElements));
  std::vector<uint8_t> predicted(sample * to_bytes);
  std::optional<ConvertedRelation> best;
  for (const int way : {0, 1, 2, 3}) {
    grid.has_inverse = (way & 1) != 0;
    grid.is_even = (way & 2) != 0;
    if (way != 0 && !is_codes(to.dtype)) break;
    convert_lanes(conversion, grid, to.dtype, base.first(sample * from_bytes), predicted);
    const Relation relation = relate(to.dtype, predicted, result.first(predicted.size()));
    if (best && relation.cost >= best->relation.cost) continue;
    best = {conversion, elements * to_bytes, relation, lane_grid_to_bytes(grid)};
  }
  return best;
}

}  // namespace mallorn::delta
