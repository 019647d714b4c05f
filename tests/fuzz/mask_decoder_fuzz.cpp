// Any bytes as codec 5: ok, or corrupt_data. A mask that decodes is found in its arrays and
// can be coded again. Input: length of the result (u16), the coded bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/mask_decoder.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/mask_codec.hpp"

namespace {

using namespace mallorn;

MaskModel* workspace() {
  static const auto model = std::make_unique<MaskModel>();
  return model.get();
}

MaskShape first_shape(ByteView coded) {
  start_anew(workspace());
  apply::RangeDecoder coder(coded);
  MaskShape shape;
  if (!workspace()->code_shape(coder, &shape)) std::abort();
  return shape;
}

// What is found need not be `shape`: columns behind the last one are no part of it, and
// some arrays are a mask in either order.
void check_found(const MaskShape& shape, const std::vector<uint8_t>& result) {
  const auto dtype_of = [](uint8_t bytes) {
    return bytes == 1 ? Dtype::u8 : bytes == 2 ? Dtype::u16 : Dtype::i32;
  };
  const auto length = static_cast<size_t>(
      shape.has_segments_first ? shape.segments_length() : shape.indices_length());
  const Dtype indices = dtype_of(shape.index_bytes);
  const Dtype segments = dtype_of(shape.segment_bytes);
  const auto found = pack::find_mask(
      {shape.has_segments_first ? segments : indices, ByteView(result).first(length)},
      {shape.has_segments_first ? indices : segments, ByteView(result).subspan(length)});
  if (!found) std::abort();
  std::vector<uint8_t> again(result.size());
  const Status status = apply::decode_mask(
      Dtype::opaque, pack::encode_mask({*found}, result), {}, workspace(), again);
  if (status != Status::ok || again != result) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader reader(ByteView(data, size));
  std::vector<uint8_t> result(reader.u16());
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const Status status = apply::decode_mask(Dtype::opaque, coded, {}, workspace(), result);
  if (status == Status::corrupt_data) return 0;
  if (status != Status::ok) std::abort();
  if (result.empty()) return 0;
  const MaskShape shape = first_shape(coded);
  const bool is_all = shape.indices_length() + shape.segments_length() == result.size();
  if (is_all && shape.rows > 0 && shape.ones > 0) check_found(shape, result);
  return 0;
}
