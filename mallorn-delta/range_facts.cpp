#include "mallorn-delta/range_facts.hpp"

#include <algorithm>

namespace mallorn::delta {

bool is_sparsity(const Range& range) {
  return range.kind == RangeKind::tensor &&
         (range.role == "indices" || range.role == "segments");
}

bool is_elements(const Range& range) {
  return range.kind == RangeKind::tensor && range.dtype != Dtype::opaque &&
         (range.length_bytes >= kMinTensorBytes || is_sparsity(range));
}

bool is_guessed(const Model& base, const Model& result) {
  return base.manifest.format == "raw" || result.manifest.format == "raw";
}

ByteView bytes_of(const Model& model, const Range& range) {
  return model.bytes().subspan(static_cast<size_t>(range.offset_bytes),
                               static_cast<size_t>(range.length_bytes));
}

int32_t zero_point_of(const Range& range) {
  const std::vector<int64_t>& points = range.quantization.zero_points;
  if (points.size() != 1 || points[0] < -128 || points[0] > 255) return 0;
  return static_cast<int32_t>(points[0]);
}

TensorPlace place_of(const Range& range, uint64_t at) {
  const DtypeLayout& layout = dtype_layout(range.dtype);
  TensorPlace place;
  place.first_element = at / layout.block_bytes * layout.block_elements;
  place.result_zero = zero_point_of(range);
  uint64_t elements = 1;
  for (size_t i = range.shape.size(); i-- > 0;) {
    const uint64_t length = range.shape[i];
    if (length < 2) continue;
    if (place.column_elements == 0) place.column_elements = length;
    place.row_elements = elements;
    if (!checked_mul(elements, length, &elements)) return {};
  }
  return place;
}

size_t range_at(const Model& model, uint64_t offset) {
  const std::vector<Range>& ranges = model.manifest.ranges;
  const auto after = std::ranges::upper_bound(ranges, offset, {}, &Range::offset_bytes);
  return static_cast<size_t>(after - ranges.begin()) - 1;
}

std::vector<ByteRange> sparsity_pairs(const Manifest& manifest) {
  std::vector<ByteRange> pairs;
  const Range* before = nullptr;  // the array before, unless it has its partner
  for (const Range& range : manifest.ranges) {
    if (range.kind != RangeKind::tensor) continue;
    const bool is_array = is_sparsity(range);
    if (is_array && before != nullptr && before->role != range.role) {
      const uint64_t begin = before->offset_bytes;
      pairs.push_back({begin, range.offset_bytes + range.length_bytes - begin});
      before = nullptr;
    } else {
      before = is_array ? &range : nullptr;
    }
  }
  return pairs;
}

}  // namespace mallorn::delta
