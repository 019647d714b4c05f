#include "mallorn-apply/core/mask_decoder.hpp"

#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {
namespace {

// Elements of one, two or four bytes, written one after the other.
class ArrayWriter {
 public:
  ArrayWriter(ByteSpan to, uint32_t element_bytes)
      : at_(to.data()), element_bytes_(element_bytes) {}

  void write(uint32_t number) {
    for (uint32_t i = 0; i < element_bytes_; ++i)
      *at_++ = static_cast<uint8_t>(number >> (8 * i));
  }

 private:
  uint8_t* at_;
  uint32_t element_bytes_;
};

// Fills both arrays, which have their exact lengths; false if the coded bytes do not
// suffice.
bool decode_arrays(RangeDecoder& coder, const MaskShape& shape, MaskModel* model,
                   ByteSpan indices, ByteSpan segments) {
  ArrayWriter index(indices, shape.index_bytes);
  ArrayWriter segment(segments, shape.segment_bytes);
  uint32_t ones = 0;
  segment.write(ones);
  if (shape.cells() != 0) model->begin_mask(shape);
  for (uint32_t row = 0; row < shape.rows; ++row) {
    model->begin_row();
    for (uint32_t column = 0; column < shape.columns; ++column) {
      if (model->code_cell(coder, column, 0) == 0) continue;
      index.write(column);
      ++ones;
    }
    segment.write(ones);
    if (coder.is_exhausted()) return false;
  }
  return true;
}

}  // namespace

Status decode_mask(Dtype dtype, ByteView coded, ByteView base, MaskModel* model,
                   ByteSpan result) {
  if (dtype != Dtype::opaque || !base.empty()) return Status::corrupt_data;
  start_anew(model);
  RangeDecoder coder(coded);
  uint64_t cells = 0;
  while (!result.empty()) {
    MaskShape shape;
    if (!model->code_shape(coder, &shape)) return Status::corrupt_data;
    cells += shape.cells();
    const uint64_t length = shape.indices_length() + shape.segments_length();
    if (cells > kMaxMaskCells || length > result.size()) return Status::corrupt_data;
    const ByteSpan arrays = result.first(static_cast<size_t>(length));
    const auto indices_length = static_cast<size_t>(shape.indices_length());
    const auto segments_length = static_cast<size_t>(shape.segments_length());
    const bool is_whole =
        shape.has_segments_first
            ? decode_arrays(coder, shape, model, arrays.last(indices_length),
                            arrays.first(segments_length))
            : decode_arrays(coder, shape, model, arrays.first(indices_length),
                            arrays.last(segments_length));
    if (!is_whole) return Status::corrupt_data;
    result = result.subspan(arrays.size());
  }
  return coder.status();
}

}  // namespace mallorn::apply
