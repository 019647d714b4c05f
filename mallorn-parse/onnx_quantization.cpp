#include "mallorn-parse/onnx_quantization.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "libcommon/text.hpp"

namespace mallorn::parse {
namespace {

// Which inputs of an operator are a weight, its scale and its zero point, and the axis that
// the scales run along: negative counts from the last dimension.
struct QuantizedInput {
  const char* op_type;
  size_t weight;
  size_t scale;
  size_t zero_point;
  int64_t axis;
  bool has_axis_attribute;
};

constexpr QuantizedInput kQuantizedInputs[] = {
    {"DequantizeLinear", 0, 1, 2, 1, true}, {"QuantizeLinear", 0, 1, 2, 1, true},
    {"QLinearConv", 3, 4, 5, 0, false},     {"QLinearMatMul", 0, 1, 2, -2, false},
    {"QLinearMatMul", 3, 4, 5, -1, false},
};
// True if `count` scales fit `range` along `axis`, which becomes an index from the first
// dimension.
bool resolve_axis(const Range& range, size_t count, int64_t* axis) {
  if (count == 1) {
    *axis = 0;
    return true;
  }
  const auto rank = static_cast<int64_t>(range.shape.size());
  if (*axis < 0) *axis += rank;
  return *axis >= 0 && *axis < rank && range.shape[static_cast<size_t>(*axis)] == count;
}

struct IntegerLayout {
  Dtype dtype;
  unsigned bits;
  bool is_signed;
};

constexpr IntegerLayout kIntegers[] = {
    {Dtype::u8, 8, false},  {Dtype::i8, 8, true},   {Dtype::u16, 16, false},
    {Dtype::i16, 16, true}, {Dtype::i32, 32, true}, {Dtype::u4, 4, false},
    {Dtype::i4, 4, true},   {Dtype::u2, 2, false},  {Dtype::i2, 2, true},
};

// The number in the low bits of `value`: varints are sign-extended to 64 bits, raw data are
// not.
int64_t to_integer(uint64_t value, const IntegerLayout& layout) {
  value &= (uint64_t{1} << layout.bits) - 1;
  const uint64_t sign = layout.is_signed ? uint64_t{1} << (layout.bits - 1) : 0;
  return static_cast<int64_t>((value ^ sign) - sign);
}

// Element `index` of elements packed from the least significant bit, as raw_data has them.
uint64_t load_bits(ByteView bytes, size_t index, unsigned bits) {
  if (bits >= 8) {
    uint64_t value = 0;
    const size_t width = bits / 8;
    for (size_t i = 0; i < width; ++i) {
      value |= static_cast<uint64_t>(bytes[index * width + i]) << (8 * i);
    }
    return value;
  }
  const size_t per_byte = 8 / bits;
  const unsigned shift = static_cast<unsigned>(index % per_byte) * bits;
  return (static_cast<unsigned>(bytes[index / per_byte]) >> shift) & ((1u << bits) - 1);
}

}  // namespace

bool is_quantized_op(ByteView op_type) {
  const std::string_view name = text_of(op_type);
  return is_packed_op(name) ||
         std::any_of(std::begin(kQuantizedInputs), std::end(kQuantizedInputs),
                     [&](const QuantizedInput& input) { return name == input.op_type; });
}

void OnnxGraphTensors::add(ByteView name, const OnnxTensor& tensor, OnnxLabel label,
                           OnnxQuantizationBudget* budget) {
  if (name.empty() || budget->names == 0) return;
  Entry entry;
  entry.label = label;
  entry.dtype = onnx_dtype(tensor.data_type);
  const OnnxData& raw = tensor.data(OnnxDataField::raw_data);
  const OnnxData& floats = tensor.data(OnnxDataField::float_data);
  const OnnxData& integers = tensor.data(OnnxDataField::int32_data);
  if (raw.is_bytes) {
    entry.fixed = raw.last;
  } else if (floats.is_bytes && floats.pieces == 1 && entry.dtype == Dtype::f32) {
    entry.fixed = floats.last;
  } else if (integers.is_bytes && integers.pieces == 1) {
    entry.varints = integers.last;
  }
  if (entries_.emplace(text_of(name), entry).second) budget->names -= 1;
}

const OnnxGraphTensors::Entry* OnnxGraphTensors::find(ByteView name) const {
  const auto found = entries_.find(text_of(name));
  return found == entries_.end() ? nullptr : &found->second;
}

Range* OnnxGraphTensors::find_range(ByteView name, ParsedModel* model) const {
  const Entry* const entry = find(name);
  if (!entry || entry->label.index == kOnnxNoLabel) return nullptr;
  return entry->label.is_external ? &model->external_tensors[entry->label.index].range
                                  : &model->ranges[entry->label.index];
}

void OnnxGraphTensors::apply_node(ProtobufBytes message, ParsedModel* model,
                                  OnnxQuantizationBudget* budget) const {
  const OnnxNode node = read_node(message);
  apply_scales(node, &model->ranges, budget);
  const auto range = [&](size_t input) {
    return input < node.inputs.size() ? find_range(node.inputs[input], model) : nullptr;
  };
  if (is_packed_op(node.op_type)) label_packed(node, range);
}

void OnnxGraphTensors::apply_scales(const OnnxNode& node, std::vector<Range>* ranges,
                                    OnnxQuantizationBudget* budget) const {
  for (const QuantizedInput& input : kQuantizedInputs) {
    if (node.op_type != input.op_type || node.inputs.size() <= input.scale) continue;
    const Entry* weight = find(node.inputs[input.weight]);
    const Entry* scale = find(node.inputs[input.scale]);
    if (!weight || !scale || weight->label.is_external) continue;
    if (weight->label.index == kOnnxNoLabel) continue;
    Range& range = (*ranges)[weight->label.index];
    if (!range.quantization.scales.empty()) continue;

    const size_t count = scale->fixed.bytes.size() / sizeof(float);
    int64_t axis = input.has_axis_attribute ? node.axis.value_or(input.axis) : input.axis;
    if (scale->dtype != Dtype::f32 || count == 0 || count > kOnnxMaxScales) continue;
    if (!resolve_axis(range, count, &axis)) continue;
    const uint64_t cost = count * (sizeof(float) + sizeof(int64_t));
    if (cost > budget->bytes) continue;
    budget->bytes -= cost;

    Quantization quantization;
    if (!read_scales(*scale, &quantization.scales)) continue;
    quantization.axis = static_cast<int32_t>(axis);
    if (node.inputs.size() > input.zero_point) {
      const Entry* zero_point = find(node.inputs[input.zero_point]);
      if (zero_point) quantization.zero_points = read_zero_points(*zero_point, count);
    }
    range.quantization = std::move(quantization);
  }
}

// False for a scale that is no number: JSON cannot carry it and nothing can be predicted
// from it.
bool OnnxGraphTensors::read_scales(const Entry& scale, std::vector<float>* scales) {
  const ByteView bytes = scale.fixed.bytes;
  for (size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    const float value = std::bit_cast<float>(load_le<uint32_t>(bytes.data() + i));
    if (!std::isfinite(value)) return false;
    scales->push_back(value);
  }
  return true;
}

// `limit` zero points or one; none if there is another number of them.
std::vector<int64_t> OnnxGraphTensors::read_zero_points(const Entry& zero_point,
                                                        size_t limit) {
  const auto layout = std::find_if(
      std::begin(kIntegers), std::end(kIntegers),
      [&](const IntegerLayout& known) { return known.dtype == zero_point.dtype; });
  if (layout == std::end(kIntegers)) return {};

  const ByteView bytes = zero_point.fixed.bytes;
  const auto bytes_for = [&](size_t count) { return (count * layout->bits + 7) / 8; };
  std::vector<int64_t> zero_points;
  if (!bytes.empty()) {
    const size_t count = bytes.size() == bytes_for(limit) ? limit : 1;
    if (bytes.size() != bytes_for(count)) return {};
    for (size_t i = 0; i < count; ++i) {
      zero_points.push_back(to_integer(load_bits(bytes, i, layout->bits), *layout));
    }
  } else if (layout->bits >= 8) {
    for (const uint64_t value : read_packed_varints(zero_point.varints, limit + 1)) {
      zero_points.push_back(to_integer(value, *layout));
    }
    if (zero_points.size() != limit && zero_points.size() != 1) return {};
  }
  return zero_points;
}

}  // namespace mallorn::parse
