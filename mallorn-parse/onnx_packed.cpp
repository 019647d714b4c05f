#include "mallorn-parse/onnx_packed.hpp"

#include <bit>

#include "libcommon/text.hpp"

namespace mallorn::parse {
namespace {

constexpr size_t kMaxInputs = 6;
constexpr uint64_t kLeastBlock = 16;
constexpr uint64_t kMaxLength = uint64_t{1} << 40;  // of a dimension: sums of two fit

void read_attribute(ProtobufBytes attribute, OnnxNode* node) {
  std::string_view name;
  uint64_t value = 0;
  ProtobufReader reader(attribute);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(1)) name = text_of(field.payload.bytes);
    if (field.is_varint(3)) value = field.value;
  }
  reader.finish();
  const auto number = static_cast<int64_t>(value);
  if (name == "axis") node->axis = number;
  if (name == "bits") node->bits = number;
  if (name == "block_size") node->block_size = number;
  if (name == "N") node->n = number;
  if (name == "K") node->k = number;
}

std::optional<uint64_t> length_of(std::optional<int64_t> attribute) {
  if (!attribute || *attribute <= 0) return {};
  const auto length = static_cast<uint64_t>(*attribute);
  return length > kMaxLength ? std::optional<uint64_t>() : length;
}

// Of weights: rows, blocks of a row (the last one filled up), elements of a block. Empty if
// that cannot be told.
std::vector<uint64_t> shape_of(const OnnxNode& node, uint64_t bits, const Range& weights) {
  constexpr int64_t kUsualBlock = 128;  // of GatherBlockQuantized
  const bool is_matmul = node.op_type == "MatMulNBits";
  const auto block =
      length_of(is_matmul ? node.block_size : node.block_size.value_or(kUsualBlock));
  if (!block || *block < kLeastBlock || !std::has_single_bit(*block)) return {};
  if (is_matmul) {
    const auto rows = length_of(node.n);
    const auto columns = length_of(node.k);
    if (!rows || !columns) return {};
    return {*rows, (*columns + *block - 1) / *block, *block};
  }
  const uint64_t block_bytes = *block * bits / 8;
  if (weights.shape.size() != 2 || weights.shape[1] % block_bytes != 0) return {};
  return {weights.shape[0], weights.shape[1] / block_bytes, *block};
}

// False if the bytes of a range are not what `shape` says.
bool label_elements(uint64_t bits, const std::vector<uint64_t>& shape, Range* range) {
  if (range == nullptr || range->dtype != Dtype::u8 || range->shape.empty()) return false;
  const Dtype dtype = bits == 4 ? Dtype::u4 : Dtype::u8;
  uint64_t elements = 1;
  for (const uint64_t length : shape) {
    if (!checked_mul(elements, length, &elements)) return false;
  }
  uint64_t bytes = 0;
  if (!dtype_bytes(dtype, elements, &bytes) || bytes != range->length_bytes) return false;
  range->dtype = dtype;
  range->shape = shape;
  return true;
}

}  // namespace

OnnxNode read_node(ProtobufBytes message) {
  OnnxNode node;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(1) && node.inputs.size() < kMaxInputs) {
      node.inputs.push_back(field.payload.bytes);
    }
    if (field.is_bytes(4)) node.op_type = text_of(field.payload.bytes);
    if (field.is_bytes(5)) read_attribute(field.payload, &node);
  }
  reader.finish();
  return node;
}

bool is_packed_op(std::string_view op_type) {
  return op_type == "MatMulNBits" || op_type == "GatherBlockQuantized";
}

void label_packed(const OnnxNode& node, const std::function<Range*(size_t)>& range) {
  constexpr size_t kZeroPoints = 3;
  const auto bits = static_cast<uint64_t>(node.bits.value_or(4));
  if (bits != 4 && bits != 8) return;
  Range* const weights = range(node.op_type == "MatMulNBits" ? 1 : 0);
  if (weights == nullptr) return;
  const std::vector<uint64_t> shape = shape_of(node, bits, *weights);
  if (shape.empty() || !label_elements(bits, shape, weights)) return;
  if (node.inputs.size() <= kZeroPoints || node.inputs[kZeroPoints].empty()) {
    weights->quantization.zero_points = {int64_t{1} << (bits - 1)};
  } else if (bits == 4) {
    const uint64_t row_zeros = shape[1] + shape[1] % 2;
    (void)label_elements(bits, {shape[0], row_zeros}, range(kZeroPoints));
  }
}

}  // namespace mallorn::parse
