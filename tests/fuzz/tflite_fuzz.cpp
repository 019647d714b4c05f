// Any bytes as a TFLite file: an Error, or ranges that lie inside it and can be tiled.
#include "tests/fuzz/model_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return mallorn::fuzz::read_any(mallorn::parse::tflite_format(), data, size);
}
