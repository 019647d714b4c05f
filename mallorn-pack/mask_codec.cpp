#include "mallorn-pack/mask_codec.hpp"

#include <algorithm>
#include <memory>

#include "mallorn-pack/range_encoder.hpp"

namespace mallorn::pack {
namespace {

// Whole numbers without sign, as index arrays have them.
class Numbers {
 public:
  Numbers(ByteView bytes, uint8_t element_bytes)
      : bytes_(bytes), element_bytes_(element_bytes) {}

  size_t size() const { return bytes_.size() / element_bytes_; }

  uint32_t operator[](size_t i) const {
    const uint8_t* at = bytes_.data() + i * element_bytes_;
    return element_bytes_ == 1   ? *at
           : element_bytes_ == 2 ? load_le<uint16_t>(at)
                                 : load_le<uint32_t>(at);
  }

 private:
  ByteView bytes_;
  uint8_t element_bytes_;
};

// Of the types that indices have; 0 for all others. (Negative numbers are read as large
// ones, and no mask is so large.)
uint8_t element_bytes(const ArrayView& array) {
  const uint8_t bytes = array.dtype == Dtype::u8    ? 1
                        : array.dtype == Dtype::u16 ? 2
                        : array.dtype == Dtype::i32 ? 4
                                                    : 0;
  return bytes != 0 && array.bytes.size() % bytes == 0 ? bytes : 0;
}

// One more than the greatest index of the row; 0 if indices do not ascend.
uint64_t columns_of_row(const Numbers& indices, size_t begin, size_t end) {
  for (size_t i = begin + 1; i < end; ++i) {
    if (indices[i - 1] >= indices[i]) return 0;
  }
  return uint64_t{indices[end - 1]} + 1;
}

std::optional<MaskShape> mask_of(const ArrayView& indices_of, const ArrayView& segments_of,
                                 bool has_segments_first) {
  MaskShape shape;
  shape.has_segments_first = has_segments_first;
  shape.index_bytes = element_bytes(indices_of);
  shape.segment_bytes = element_bytes(segments_of);
  if (shape.index_bytes == 0 || shape.segment_bytes == 0) return {};
  const Numbers indices(indices_of.bytes, shape.index_bytes);
  const Numbers segments(segments_of.bytes, shape.segment_bytes);
  if (indices.size() == 0 || segments.size() < 2 || segments[0] != 0 ||
      segments[segments.size() - 1] != indices.size()) {
    return {};
  }
  uint64_t columns = 0;
  for (size_t row = 0; row + 1 < segments.size(); ++row) {
    const uint32_t begin = segments[row];
    const uint32_t end = segments[row + 1];
    if (begin > end || end > indices.size()) return {};
    if (begin == end) continue;
    const uint64_t needed = columns_of_row(indices, begin, end);
    if (needed == 0 || needed > kMaxMaskColumns) return {};
    columns = std::max(columns, needed);
  }
  if (segments.size() > kMaxMaskNumber || indices.size() > kMaxMaskNumber) return {};
  shape.rows = static_cast<uint32_t>(segments.size() - 1);
  shape.columns = static_cast<uint32_t>(columns);
  shape.ones = static_cast<uint32_t>(indices.size());
  if (!is_sound(shape)) return {};
  return shape;
}

void encode_cells(RangeEncoder& coder, const MaskShape& shape, MaskModel* model,
                  const Numbers& indices, const Numbers& segments) {
  model->begin_mask(shape);
  size_t next = 0;
  for (uint32_t row = 0; row < shape.rows; ++row) {
    const uint32_t end = segments[row + 1];
    model->begin_row();
    for (uint32_t column = 0; column < shape.columns; ++column) {
      const bool is_one = next < end && indices[next] == column;
      model->code_cell(coder, column, is_one ? 1 : 0);
      next += is_one ? 1 : 0;
    }
  }
}

}  // namespace

std::optional<MaskShape> find_mask(const ArrayView& first, const ArrayView& second) {
  if (const auto mask = mask_of(first, second, false)) return mask;
  return mask_of(second, first, true);
}

std::vector<uint8_t> encode_mask(const std::vector<MaskShape>& masks, ByteView result) {
  const auto model = std::make_unique<MaskModel>();
  std::vector<uint8_t> coded;
  RangeEncoder coder(coded);
  for (MaskShape shape : masks) {
    (void)model->code_shape(coder, &shape);  // sound, as it was found
    const auto indices_length = static_cast<size_t>(shape.indices_length());
    const auto segments_length = static_cast<size_t>(shape.segments_length());
    const ByteView arrays = result.first(indices_length + segments_length);
    const bool is_second = shape.has_segments_first;
    encode_cells(coder, shape, model.get(),
                 {is_second ? arrays.last(indices_length) : arrays.first(indices_length),
                  shape.index_bytes},
                 {is_second ? arrays.first(segments_length) : arrays.last(segments_length),
                  shape.segment_bytes});
    result = result.subspan(arrays.size());
  }
  coder.finish();
  return coded;
}

}  // namespace mallorn::pack
