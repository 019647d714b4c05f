// Builds small TFLite models for tests, through the same generated code that reads them.
// What TFLite files look like in general is the business of tests/vectors/models, whose
// writer knows nothing of this code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mallorn-parse/tflite_generated.h"

namespace mallorn::test {

namespace schema = mallorn::tflite;

// Parts are added in any order, then bytes() closes the model.
class TfliteDraft {
 public:
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::Buffer>> buffers;
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
  std::vector<flatbuffers::Offset<schema::Operator>> operators;
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes;
  std::vector<flatbuffers::Offset<schema::Metadata>> metadata;
  std::vector<flatbuffers::Offset<schema::ExternalBufferGroup>> groups;
  std::vector<flatbuffers::Offset<schema::SubGraph>>
      subgraphs;  // besides that of `tensors`
  std::vector<int32_t> metadata_buffers;

  // The first buffer is the empty one that tensors without bytes refer to.
  TfliteDraft() { buffers.push_back(schema::CreateBuffer(builder)); }

  // `length` bytes, all `fill`; returns the buffer's index.
  uint32_t buffer(size_t length, uint8_t fill) {
    const std::vector<uint8_t> data(length, fill);
    builder.ForceVectorAlignment(length, 1, 16);
    buffers.push_back(schema::CreateBufferDirect(builder, &data));
    return last_buffer();
  }
  uint32_t outside_buffer(uint64_t offset, uint64_t size) {
    buffers.push_back(schema::CreateBuffer(builder, 0, offset, size));
    return last_buffer();
  }

  void tensor(const char* name, const std::vector<int32_t>& shape, int type,
              uint32_t buffer,
              flatbuffers::Offset<schema::QuantizationParameters> quantization = 0,
              flatbuffers::Offset<schema::SparsityParameters> sparsity = 0,
              uint32_t external_buffer = 0) {
    tensors.push_back(schema::CreateTensorDirect(builder, &shape, static_cast<int8_t>(type),
                                                 buffer, name, quantization, sparsity,
                                                 nullptr, external_buffer));
  }

  flatbuffers::Offset<schema::QuantizationParameters> quantization(
      const std::vector<float>& scales, const std::vector<int64_t>& zero_points,
      int32_t axis) {
    return schema::CreateQuantizationParametersDirect(builder, nullptr, nullptr, &scales,
                                                      &zero_points, axis);
  }

  std::vector<uint8_t> bytes(bool has_identifier = true) {
    subgraphs.insert(
        subgraphs.begin(),
        schema::CreateSubGraphDirect(builder, &tensors, nullptr, nullptr, &operators));
    const auto model =
        schema::CreateModelDirect(builder, &codes, &subgraphs, "draft", &buffers,
                                  &metadata_buffers, &metadata, nullptr, &groups);
    builder.Finish(model, has_identifier ? schema::ModelIdentifier() : nullptr);
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  uint32_t last_buffer() const { return static_cast<uint32_t>(buffers.size() - 1); }
};

}  // namespace mallorn::test
