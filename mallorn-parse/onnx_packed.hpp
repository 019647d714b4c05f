// Weights that an operator of ONNX Runtime packs, two in a byte, into a tensor of bytes:
// the attributes of the node say what they are.
//
//   MatMulNBits            A, B, scales, [zero_points]             B: [N][blocks][bytes]
//   GatherBlockQuantized   data, indices, scales, [zero_points]    data: [rows][bytes]
//
// Blocks lie along the last dimension; the lower half of a byte is the first element. With
// 8 bits nothing is packed, but blocks and what stands for zero are the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "libcommon/manifest.hpp"
#include "mallorn-parse/protobuf_reader.hpp"

namespace mallorn::parse {

// What is needed of a NodeProto.
struct OnnxNode {
  std::vector<ByteView> inputs;  // the first few
  std::string_view op_type;
  std::optional<int64_t> axis;  // attributes, by name
  std::optional<int64_t> bits;
  std::optional<int64_t> block_size;
  std::optional<int64_t> n;
  std::optional<int64_t> k;
};

OnnxNode read_node(ProtobufBytes message);

bool is_packed_op(std::string_view op_type);

// Labels the weights and zero points of a node as what they are: blocks a dimension of the
// weights, elements of four bits no bytes. `range` gives the range of an input, or null.
// What does not fit stays as it is.
void label_packed(const OnnxNode& node, const std::function<Range*(size_t)>& range);

}  // namespace mallorn::parse
