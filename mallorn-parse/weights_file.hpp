// Weights that an ONNX model keeps in a file of their own: what they are is known to the
// model, which lies beside that file.
#pragma once

#include <optional>
#include <string>

#include "mallorn-parse/model_format.hpp"

namespace mallorn::parse {

struct LabelledWeights {
  std::string model;   // the file that tells
  ParsedModel parsed;  // of the file with the weights
};

// The tensors of `path`, which is `length_bytes` long, as a model beside it states: for
// model.onnx_data, model.onnx.data and model.data that is model.onnx. Nothing if there is
// no such model, if it cannot be parsed, or if it says nothing of `path`.
std::optional<LabelledWeights> label_weights(const std::string& path,
                                             uint64_t length_bytes);

}  // namespace mallorn::parse
