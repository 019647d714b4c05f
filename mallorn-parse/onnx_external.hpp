// External data of ONNX tensors: what a model says of other files, checked strictly and
// never acted upon here. The parser opens nothing; it lists the files a model depends on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mallorn-parse/protobuf_reader.hpp"

namespace mallorn::parse {

inline constexpr size_t kOnnxMaxLocationBytes = 4096;

// The entries of TensorProto.external_data that matter; views into the model.
struct OnnxExternalData {
  std::string_view location;
  std::optional<std::string_view> offset;
  std::optional<std::string_view> length;

  // Takes one StringStringEntryProto; of a key given twice the last one counts, unknown
  // keys are passed over. Throws Error for an ill-formed message.
  void add_entry(ProtobufBytes entry);
};

// Where data lie.
struct OnnxPlace {
  std::string file;  // a plain relative path ("." components removed)
  uint64_t offset = 0;
  std::optional<uint64_t> length;  // else as long as the tensor
};

// Nothing if any entry is unsafe or ill-formed.
std::optional<OnnxPlace> external_place(const OnnxExternalData& data);

// `location` as a plain relative path; nothing if it could name anything outside the
// model's own folder: absolute, "..", backslash, drive letter, NUL, empty, a folder, too
// long.
std::optional<std::string> safe_location(std::string_view location);

// A decimal number: digits only, at most 20, no overflow.
std::optional<uint64_t> strict_decimal(std::string_view text);

}  // namespace mallorn::parse
