#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {

std::array<ModelFormat, 4> model_formats() {
  return {gguf_format(), tflite_format(), onnx_format(), raw_format()};
}

ModelFormat probe_format(ByteView file) {
  for (const ModelFormat& format : model_formats()) {
    if (format.probe(file)) return format;
  }
  return raw_format();
}

std::optional<ModelFormat> find_format(std::string_view name) {
  for (const ModelFormat& format : model_formats()) {
    if (name == format.name) return format;
  }
  return std::nullopt;
}

}  // namespace mallorn::parse
