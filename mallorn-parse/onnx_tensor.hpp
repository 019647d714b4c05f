// OnnxTensor: what a TensorProto says about itself, and the label its bytes deserve.
//
// Its elements are in raw_data (fixed width, little-endian) or in a typed field: floats and
// doubles of fixed width when packed, varints otherwise. Only what is of fixed width gets a
// dtype.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/manifest.hpp"
#include "mallorn-parse/onnx_external.hpp"
#include "mallorn-parse/protobuf_reader.hpp"

namespace mallorn::parse {

inline constexpr size_t kOnnxMaxRank = 64;          // above: labelled without a shape
inline constexpr uint64_t kOnnxMinLabelBytes = 16;  // smaller tensors stay in their gap

// The dtype of TensorProto.data_type `id`; opaque for strings, undefined and unknown
// numbers.
Dtype onnx_dtype(uint64_t id);

// The occurrences of one data field.
struct OnnxData {
  uint64_t pieces = 0;
  bool is_bytes = false;      // of the last piece: raw or packed, not a single element
  bool is_contiguous = true;  // no other field between the pieces
  uint64_t offset = 0;        // of the first piece's key
  uint64_t end = 0;           // past the last piece
  ProtobufBytes last;         // payload of the last piece
};

enum class OnnxDataField : uint8_t {
  float_data,
  int32_data,
  string_data,
  int64_data,
  raw_data,
  double_data,
  uint64_data,
};

struct OnnxTensor {
  // Takes one occurrence of the message: a singular one that occurs again is merged, as
  // protobuf does. Throws Error for an ill-formed message.
  void add(ProtobufBytes message);

  ByteView name;
  uint64_t data_type = 0;
  bool is_external = false;
  OnnxExternalData external;

  const OnnxData& data(OnnxDataField field) const {
    return data_[static_cast<size_t>(field)];
  }

  // Elements by dims; nothing for a negative dim, an overflow, or too high a rank.
  std::optional<uint64_t> elements() const;

  // The label of its external data, without names; nothing if these are nowhere, or no
  // whole number of elements.
  std::optional<Range> external_label(const OnnxPlace& place) const;

  // A label for each data field that is in use (more than one: none has a shape), without
  // names.
  std::vector<Range> labels() const;

 private:
  void add_dims(const ProtobufField& field);
  void add_data(const ProtobufField& field);
  std::optional<Range> label(OnnxDataField field, bool may_have_shape) const;

  std::vector<uint64_t> dims_;
  bool has_all_dims_ = true;
  std::array<OnnxData, 7> data_;
};

}  // namespace mallorn::parse
