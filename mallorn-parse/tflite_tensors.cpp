#include "mallorn-parse/tflite_tensors.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "mallorn-parse/tflite_types.hpp"

namespace mallorn::parse {
namespace {

using Precision = TfliteLabel::Precision;

constexpr uint32_t kMaxRank = 32;
// Scales and zero points over all tensors. A large transformer with a scale per channel has
// 10^6 of each; many tensors that share one vector could ask for 10^12.
constexpr size_t kMaxQuantizationElements = size_t{1} << 22;
// Shorter vectors stay in the gap around them: a range would cost more than it explains.
constexpr uint32_t kMinParameterElements = 4;

// The shape, if it needs exactly `length_bytes`. A sparse tensor's shape says nothing of
// its length.
std::optional<std::vector<uint64_t>> exact_shape(const schema::Tensor* tensor, Dtype dtype,
                                                 uint64_t length_bytes) {
  if (dtype == Dtype::opaque || tensor->sparsity() != nullptr) return {};
  if (tflite_count(tensor->shape()) > kMaxRank) return {};
  std::vector<uint64_t> shape;
  uint64_t elements = 1;
  for (uint32_t i = 0; i < tflite_count(tensor->shape()); ++i) {
    const int32_t dim = tensor->shape()->Get(i);
    if (dim < 0 || !checked_mul(elements, static_cast<uint64_t>(dim), &elements)) return {};
    shape.push_back(static_cast<uint64_t>(dim));
  }
  uint64_t needed = 0;
  if (!dtype_bytes(dtype, elements, &needed) || needed != length_bytes) return {};
  return shape;
}

}  // namespace

TfliteTensors::TfliteTensors(TfliteModel* model)
    : model_(model), quantization_budget_(kMaxQuantizationElements) {
  const schema::Model* root = model->root();
  std::vector<std::pair<const schema::Tensor*, uint32_t>> mentions;  // table, order
  for (uint32_t i = 0; i < tflite_count(root->subgraphs()); ++i) {
    const schema::SubGraph* subgraph = root->subgraphs()->Get(i);
    for (uint32_t j = 0; j < tflite_count(subgraph->tensors()); ++j) {
      mentions.emplace_back(subgraph->tensors()->Get(j),
                            static_cast<uint32_t>(mentions.size()));
    }
  }
  std::sort(mentions.begin(), mentions.end());
  const auto end =
      std::unique(mentions.begin(), mentions.end(),
                  [](const auto& a, const auto& b) { return a.first == b.first; });
  mentions.erase(end, mentions.end());
  std::sort(mentions.begin(), mentions.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  tensors_.reserve(mentions.size());
  for (const auto& mention : mentions) tensors_.push_back(mention.first);
}

void TfliteTensors::label(const std::vector<TfliteExtent>& buffers,
                          std::vector<bool>* is_used, TfliteLabels* labels) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const schema::Tensor* tensor = tensors_[i];
    // With an external buffer the bytes are in another file.
    if (tensor->external_buffer() == 0 && tensor->buffer() < buffers.size()) {
      (*is_used)[tensor->buffer()] = true;
      label_data(static_cast<uint32_t>(i), buffers[tensor->buffer()], labels);
    }
    label_quantization(tensor, labels);
    label_sparsity(tensor, labels);
  }
}

void TfliteTensors::label_data(uint32_t index, const TfliteExtent& extent,
                               TfliteLabels* labels) const {
  const schema::Tensor* tensor = tensors_[index];
  Dtype dtype = tflite_dtype(tensor->type());
  if (extent.length_bytes % dtype_layout(dtype).block_bytes != 0) dtype = Dtype::opaque;
  const bool is_exact = exact_shape(tensor, dtype, extent.length_bytes).has_value();
  labels->add({.offset_bytes = extent.offset_bytes,
               .length_bytes = extent.length_bytes,
               .precision = is_exact ? Precision::exact_tensor : Precision::tensor,
               .kind = RangeKind::tensor,
               .dtype = dtype,
               .role = tensor->sparsity() == nullptr ? "" : "values",
               .name = tflite_text(tensor->name()),
               .tensor = index});
}

void TfliteTensors::label_quantization(const schema::Tensor* tensor, TfliteLabels* labels) {
  const schema::QuantizationParameters* parameters = tensor->quantization();
  if (parameters == nullptr) return;
  model_->reach_table(parameters);
  label_parameter(parameters->min(), Dtype::f32, "min", tensor, labels);
  label_parameter(parameters->max(), Dtype::f32, "max", tensor, labels);
  label_parameter(parameters->scale(), Dtype::f32, "scale", tensor, labels);
  label_parameter(parameters->zero_point(), Dtype::i64, "zero_point", tensor, labels);
}

template <typename T>
void TfliteTensors::label_parameter(const flatbuffers::Vector<T>* vector, Dtype dtype,
                                    const char* role, const schema::Tensor* tensor,
                                    TfliteLabels* labels) {
  model_->reach_vector(vector);
  if (tflite_count(vector) < kMinParameterElements) return;
  const TfliteExtent extent = model_->extent_of(vector);
  labels->add({.offset_bytes = extent.offset_bytes,
               .length_bytes = extent.length_bytes,
               .precision = Precision::parameter,
               .dtype = dtype,
               .role = role,
               .name = tflite_text(tensor->name())});
}

void TfliteTensors::label_sparsity(const schema::Tensor* tensor, TfliteLabels* labels) {
  const schema::SparsityParameters* sparsity = tensor->sparsity();
  if (sparsity == nullptr) return;
  model_->reach_table(sparsity);
  for (uint32_t i = 0; i < tflite_count(sparsity->dim_metadata()); ++i) {
    label_index(sparsity->dim_metadata()->Get(i), tensor, labels);
  }
}

// Each of the two is a union: at most one of its members is there.
void TfliteTensors::label_index(const schema::DimensionMetadata* dim,
                                const schema::Tensor* tensor, TfliteLabels* labels) {
  model_->reach_table(dim);
  label_index_values(dim->array_segments_as_Int32Vector(), Dtype::i32, "segments", tensor,
                     labels);
  label_index_values(dim->array_segments_as_Uint16Vector(), Dtype::u16, "segments", tensor,
                     labels);
  label_index_values(dim->array_segments_as_Uint8Vector(), Dtype::u8, "segments", tensor,
                     labels);
  label_index_values(dim->array_indices_as_Int32Vector(), Dtype::i32, "indices", tensor,
                     labels);
  label_index_values(dim->array_indices_as_Uint16Vector(), Dtype::u16, "indices", tensor,
                     labels);
  label_index_values(dim->array_indices_as_Uint8Vector(), Dtype::u8, "indices", tensor,
                     labels);
}

template <typename IndexVector>
void TfliteTensors::label_index_values(const IndexVector* index, Dtype dtype,
                                       const char* role, const schema::Tensor* tensor,
                                       TfliteLabels* labels) {
  if (index == nullptr) return;
  model_->reach_table(index);
  model_->reach_vector(index->values());
  const TfliteExtent extent = model_->extent_of(index->values());
  labels->add({.offset_bytes = extent.offset_bytes,
               .length_bytes = extent.length_bytes,
               .precision = Precision::tensor,
               .kind = RangeKind::tensor,
               .dtype = dtype,
               .role = role,
               .name = tflite_text(tensor->name())});
}

void TfliteTensors::describe(uint32_t index, Range* range) {
  const schema::Tensor* tensor = tensors_[index];
  if (auto shape = exact_shape(tensor, range->dtype, range->length_bytes)) {
    range->shape = std::move(*shape);
  }
  const schema::QuantizationParameters* parameters = tensor->quantization();
  if (parameters == nullptr || tflite_count(parameters->scale()) == 0) return;
  const size_t elements =
      size_t{tflite_count(parameters->scale())} + tflite_count(parameters->zero_point());
  if (elements > quantization_budget_) return;
  quantization_budget_ -= elements;
  range->quantization.axis = parameters->quantized_dimension();
  for (uint32_t i = 0; i < tflite_count(parameters->scale()); ++i) {
    range->quantization.scales.push_back(parameters->scale()->Get(i));
  }
  for (uint32_t i = 0; i < tflite_count(parameters->zero_point()); ++i) {
    // Eight bytes wide, but the verifier checks for an alignment of four only.
    const uint8_t* from = parameters->zero_point()->Data() + size_t{i} * sizeof(int64_t);
    range->quantization.zero_points.push_back(
        static_cast<int64_t>(load_le<uint64_t>(from)));
  }
}

}  // namespace mallorn::parse
