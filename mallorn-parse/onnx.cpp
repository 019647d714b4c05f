// ONNX: labels the tensors of a protobuf ModelProto, wherever they are.
//
//   ModelProto -- graph(7) ------------ initializer(5), sparse_initializer(15), node(1) --
//   attribute(5)
//              -- functions(25) ------- node(7), attribute_proto(11) |
//              -- training_info(20) --- initialization(1), algorithm(2): graphs    tensor,
//              sparse
//                                                                                  tensor,
//                                                                                  subgraph
//
// There is no magic: what walks as a protobuf message to the last byte and has a graph is
// taken for ONNX. Nothing is expanded: a name that refers to a
// graph or a function is never followed, and a large payload is stepped over, not read.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "libcommon/error.hpp"
#include "mallorn-parse/onnx_quantization.hpp"
#include "mallorn-parse/onnx_tensor.hpp"
#include "mallorn-parse/protobuf_reader.hpp"
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {
namespace {

constexpr uint32_t kMaxDepth = 64;                  // messages inside each other
constexpr size_t kMaxPieces = 16384;                // of one message that occurs repeatedly
constexpr size_t kOnnxMaxLabels = size_t{1} << 17;  // plus files of external data
constexpr size_t kOnnxMaxNameBytes = size_t{1} << 16;
constexpr uint64_t kMinLabelAttributeBytes = 4096;  // smaller ones stay in their gap

// A singular message that occurs several times is one message in pieces.
using Pieces = std::vector<ProtobufBytes>;

// Field numbers that differ between GraphProto and FunctionProto; zero: no such field.
struct GraphFields {
  uint32_t node;
  uint32_t initializer;
  uint32_t sparse_initializer;
  uint32_t attribute;
};
constexpr GraphFields kGraphFields{1, 5, 15, 0};
constexpr GraphFields kFunctionFields{7, 0, 0, 11};

[[noreturn]] void fail(uint64_t offset, Status status, const char* reason) {
  throw Error(status, "byte " + std::to_string(offset) + ": " + reason);
}

// Empty names and those above the limit are left out.
void add_name(ByteView name, Range* range) {
  if (name.empty() || name.size() > kOnnxMaxNameBytes) return;
  range->names.emplace_back(name.begin(), name.end());
}

bool equals(ByteView bytes, std::string_view text) {
  return std::equal(bytes.begin(), bytes.end(), text.begin(), text.end());
}

void add_piece(const ProtobufField& field, Pieces* pieces) {
  if (pieces->size() == kMaxPieces) {
    fail(field.offset, Status::limit_exceeded, "message in too many pieces");
  }
  pieces->push_back(field.payload);
}

// One walk over a model. Depth counts the messages around the one that is being read.
class ModelWalk {
 public:
  ParsedModel read_model(ProtobufBytes message);

 private:
  void read_training_info(ProtobufBytes message, uint32_t depth);
  void read_graph(const Pieces& graph, const GraphFields& fields, uint32_t depth);
  // True if the node tells how its inputs are quantized.
  bool read_node(ProtobufBytes message, uint32_t depth, OnnxGraphTensors* tensors);
  void read_attribute(ProtobufBytes message, ByteView constant_name, uint32_t depth,
                      OnnxGraphTensors* tensors);
  void read_tensor(const Pieces& tensor, ByteView other_name, const char* role,
                   OnnxGraphTensors* tensors);
  OnnxLabel add_external(uint64_t offset, const OnnxTensor& tensor, ByteView other_name);
  void read_sparse_tensor(const Pieces& sparse, ByteView other_name);
  void add_label(Range range);
  static void check_depth(uint64_t offset, uint32_t depth);

  ParsedModel model_;
  std::set<std::string> external_files_;
  OnnxQuantizationBudget budget_;
};

void ModelWalk::check_depth(uint64_t offset, uint32_t depth) {
  if (depth > kMaxDepth) fail(offset, Status::limit_exceeded, "messages nested too deep");
}

void ModelWalk::add_label(Range range) {
  if (model_.ranges.size() == kOnnxMaxLabels) {
    fail(range.offset_bytes, Status::limit_exceeded, "too many tensors");
  }
  model_.ranges.push_back(std::move(range));
}

ParsedModel ModelWalk::read_model(ProtobufBytes message) {
  Pieces graph;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(7)) add_piece(field, &graph);
    if (field.is_bytes(20)) read_training_info(field.payload, 2);
    if (field.is_bytes(25)) read_graph({field.payload}, kFunctionFields, 2);
  }
  reader.finish();
  if (graph.empty()) fail(0, Status::bad_magic, "not an ONNX model: no graph");
  read_graph(graph, kGraphFields, 2);
  return std::move(model_);
}

void ModelWalk::read_training_info(ProtobufBytes message, uint32_t depth) {
  Pieces initialization;
  Pieces algorithm;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(1)) add_piece(field, &initialization);
    if (field.is_bytes(2)) add_piece(field, &algorithm);
  }
  reader.finish();
  read_graph(initialization, kGraphFields, depth + 1);
  read_graph(algorithm, kGraphFields, depth + 1);
}

// Two walks: the nodes that tell how a tensor is quantized may come before the tensor.
void ModelWalk::read_graph(const Pieces& graph, const GraphFields& fields, uint32_t depth) {
  OnnxGraphTensors tensors;
  bool has_quantized_op = false;
  for (const ProtobufBytes& piece : graph) {
    check_depth(piece.offset, depth);
    ProtobufReader reader(piece);
    ProtobufField field;
    while (reader.next(&field)) {
      if (field.is_bytes(fields.node)) {
        has_quantized_op |= read_node(field.payload, depth + 1, &tensors);
      }
      if (field.is_bytes(fields.initializer))
        read_tensor({field.payload}, {}, "", &tensors);
      if (field.is_bytes(fields.sparse_initializer))
        read_sparse_tensor({field.payload}, {});
      if (field.is_bytes(fields.attribute)) {
        read_attribute(field.payload, {}, depth + 1, &tensors);
      }
    }
    reader.finish();
  }
  if (!has_quantized_op) return;
  for (const ProtobufBytes& piece : graph) {
    ProtobufReader reader(piece);
    ProtobufField field;
    while (reader.next(&field)) {
      if (field.is_bytes(fields.node)) {
        tensors.apply_node(field.payload, &model_, &budget_);
      }
    }
  }
}

// Two walks: a Constant's tensor is known by the node's output, which may come later.
bool ModelWalk::read_node(ProtobufBytes message, uint32_t depth,
                          OnnxGraphTensors* tensors) {
  check_depth(message.offset, depth);
  ByteView output;
  ByteView op_type;
  ProtobufReader names(message);
  ProtobufField field;
  while (names.next(&field)) {
    if (field.is_bytes(2) && output.empty()) output = field.payload.bytes;
    if (field.is_bytes(4)) op_type = field.payload.bytes;
  }
  names.finish();
  if (!equals(op_type, "Constant")) output = {};
  ProtobufReader attributes(message);
  while (attributes.next(&field)) {
    if (!field.is_bytes(5)) continue;
    read_attribute(field.payload, output, depth + 1, tensors);
    output = {};  // one attribute is all a Constant has; a long name is not copied for each
  }
  return is_quantized_op(op_type);
}

void ModelWalk::read_attribute(ProtobufBytes message, ByteView constant_name,
                               uint32_t depth, OnnxGraphTensors* tensors) {
  check_depth(message.offset, depth);
  ByteView name;
  ProtobufBytes text;
  Pieces tensor;
  Pieces graph;
  Pieces sparse;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(&field)) {
    if (field.is_bytes(1)) name = field.payload.bytes;
    if (field.is_bytes(4)) text = field.payload;
    if (field.is_bytes(5)) add_piece(field, &tensor);
    if (field.is_bytes(6)) add_piece(field, &graph);
    if (field.is_bytes(10)) read_tensor({field.payload}, {}, "", nullptr);
    if (field.is_bytes(11)) read_graph({field.payload}, kGraphFields, depth + 1);
    if (field.is_bytes(22)) add_piece(field, &sparse);
    if (field.is_bytes(23)) read_sparse_tensor({field.payload}, {});
  }
  reader.finish();
  if (!tensor.empty()) {
    read_tensor(tensor, constant_name, "", constant_name.empty() ? nullptr : tensors);
  }
  if (!graph.empty()) read_graph(graph, kGraphFields, depth + 1);
  if (!sparse.empty()) read_sparse_tensor(sparse, constant_name);
  if (text.bytes.size() >= kMinLabelAttributeBytes) {
    Range range;
    range.offset_bytes = text.offset;
    range.length_bytes = text.bytes.size();
    range.role = "opaque";
    add_name(name, &range);
    add_label(std::move(range));
  }
}

OnnxLabel ModelWalk::add_external(uint64_t offset, const OnnxTensor& tensor,
                                  ByteView other_name) {
  const auto place = external_place(tensor.external);
  if (!place) return {};
  if (external_files_.size() == kOnnxMaxLabels ||
      model_.external_tensors.size() == kOnnxMaxLabels) {
    fail(offset, Status::limit_exceeded, "too much external data");
  }
  if (external_files_.insert(place->file).second) {
    model_.external_files.push_back(place->file);
  }
  auto range = tensor.external_label(*place);
  if (!range) return {};
  add_name(other_name, &*range);
  if (!std::ranges::equal(tensor.name, other_name)) add_name(tensor.name, &*range);
  model_.external_tensors.push_back({place->file, std::move(*range)});
  return {model_.external_tensors.size() - 1, true};
}

// Labels one tensor; `other_name` is what it is known by besides, or instead of, its own
// name. Remembers it in `tensors`, if given, under both.
void ModelWalk::read_tensor(const Pieces& pieces, ByteView other_name, const char* role,
                            OnnxGraphTensors* tensors) {
  OnnxTensor tensor;
  for (const ProtobufBytes& piece : pieces) tensor.add(piece);
  OnnxLabel label;
  if (tensor.is_external) label = add_external(pieces[0].offset, tensor, other_name);
  for (Range& range : tensor.labels()) {
    range.role = role;
    add_name(other_name, &range);
    if (!std::ranges::equal(tensor.name, other_name)) add_name(tensor.name, &range);
    label = {model_.ranges.size(), false};
    add_label(std::move(range));
  }
  if (tensors != nullptr) {
    tensors->add(other_name.empty() ? tensor.name : other_name, tensor, label, &budget_);
  }
}

// Indices are known by the name of their values, which alone have one as a rule.
void ModelWalk::read_sparse_tensor(const Pieces& sparse, ByteView other_name) {
  Pieces values;
  Pieces indices;
  for (const ProtobufBytes& piece : sparse) {
    ProtobufReader reader(piece);
    ProtobufField field;
    while (reader.next(&field)) {
      if (field.is_bytes(1)) add_piece(field, &values);
      if (field.is_bytes(2)) add_piece(field, &indices);
    }
    reader.finish();
  }
  OnnxTensor named;
  for (const ProtobufBytes& piece : values) named.add(piece);
  const ByteView name = other_name.empty() ? named.name : other_name;
  if (!values.empty()) read_tensor(values, name, "values", nullptr);
  if (!indices.empty()) read_tensor(indices, name, "indices", nullptr);
}

bool probe_onnx(ByteView file) {
  ProtobufReader reader({file, 0});
  ProtobufField field;
  bool has_graph = false;
  while (reader.next(&field)) has_graph = has_graph || field.is_bytes(7);
  return has_graph && reader.ok();
}

ParsedModel read_onnx(ByteView file) { return ModelWalk().read_model({file, 0}); }

}  // namespace

ModelFormat onnx_format() { return {"onnx", probe_onnx, read_onnx}; }

}  // namespace mallorn::parse
