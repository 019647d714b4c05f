// Connects quantized weights of an ONNX graph with their scales and zero points: the inputs
// of a DequantizeLinear (QuantizeLinear, QLinearConv, QLinearMatMul) that are initializers
// or constants of the same graph. Finds weights that are packed into bytes, too. A hint to
// the predictor; whatever does not fit together is passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "libcommon/manifest.hpp"
#include "mallorn-parse/model_format.hpp"
#include "mallorn-parse/onnx_packed.hpp"
#include "mallorn-parse/onnx_tensor.hpp"
#include "mallorn-parse/protobuf_reader.hpp"

namespace mallorn::parse {

inline constexpr size_t kOnnxNoLabel = SIZE_MAX;
inline constexpr size_t kOnnxMaxScales = 65536;  // of one tensor

// What may still be spent on a file: both limits keep memory and time far from what a
// hostile graph could ask for (many tensors that share one large vector of scales).
struct OnnxQuantizationBudget {
  uint64_t names = uint64_t{1} << 17;
  uint64_t bytes = uint64_t{1} << 25;  // of scales and zero points read
};

// True for operators that OnnxGraphTensors::apply_node() knows.
bool is_quantized_op(ByteView op_type);

// The range that holds the elements of a tensor, in the model or in an external file.
struct OnnxLabel {
  size_t index = kOnnxNoLabel;
  bool is_external = false;
};

// The tensors of one graph that have a name.
class OnnxGraphTensors {
 public:
  // Remembers a tensor under `name`; of two with one name the first.
  void add(ByteView name, const OnnxTensor& tensor, OnnxLabel label,
           OnnxQuantizationBudget* budget);

  // Looks at one NodeProto; fills in Range::quantization of the tensors it uses, and what
  // they are if they are packed.
  void apply_node(ProtobufBytes node, ParsedModel* model,
                  OnnxQuantizationBudget* budget) const;

 private:
  struct Entry {
    OnnxLabel label;
    Dtype dtype = Dtype::opaque;
    ProtobufBytes fixed;    // elements of fixed width, little-endian
    ProtobufBytes varints;  // elements as packed varints
  };

  const Entry* find(ByteView name) const;
  Range* find_range(ByteView name, ParsedModel* model) const;
  void apply_scales(const OnnxNode& node, std::vector<Range>* ranges,
                    OnnxQuantizationBudget* budget) const;
  static bool read_scales(const Entry& scale, std::vector<float>* scales);
  static std::vector<int64_t> read_zero_points(const Entry& zero_point, size_t limit);

  std::map<std::string_view, Entry>
      entries_;  // ordered: no name can make lookups quadratic
};

}  // namespace mallorn::parse
