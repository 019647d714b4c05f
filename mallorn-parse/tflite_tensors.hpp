// The tensors of a TFLite model: their bytes, quantization vectors and sparse indices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mallorn-parse/tflite_labels.hpp"
#include "mallorn-parse/tflite_model.hpp"

namespace mallorn::parse {

class TfliteTensors {
 public:
  // Every tensor table of every subgraph once, in order of first mention.
  explicit TfliteTensors(TfliteModel* model);

  // Labels what the tensors refer to. `buffers` says where each buffer's bytes are; is_used
  // (as long) becomes true for those that a tensor refers to.
  void label(const std::vector<TfliteExtent>& buffers, std::vector<bool>* is_used,
             TfliteLabels* labels);

  // Adds shape and quantization of tensor `index` to the range of its bytes.
  void describe(uint32_t index, Range* range);

 private:
  void label_data(uint32_t index, const TfliteExtent& extent, TfliteLabels* labels) const;
  void label_quantization(const schema::Tensor* tensor, TfliteLabels* labels);
  void label_sparsity(const schema::Tensor* tensor, TfliteLabels* labels);
  void label_index(const schema::DimensionMetadata* dim, const schema::Tensor* tensor,
                   TfliteLabels* labels);
  template <typename T>
  void label_parameter(const flatbuffers::Vector<T>* vector, Dtype dtype, const char* role,
                       const schema::Tensor* tensor, TfliteLabels* labels);
  template <typename IndexVector>
  void label_index_values(const IndexVector* index, Dtype dtype, const char* role,
                          const schema::Tensor* tensor, TfliteLabels* labels);

  TfliteModel* model_;
  std::vector<const schema::Tensor*> tensors_;
  size_t quantization_budget_;  // elements that describe() may still copy
};

}  // namespace mallorn::parse
