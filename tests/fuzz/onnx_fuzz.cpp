// Any bytes as an ONNX model: an Error, or ranges that lie inside it and can be tiled.
#include "tests/fuzz/model_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return mallorn::fuzz::read_any(mallorn::parse::onnx_format(), data, size);
}
