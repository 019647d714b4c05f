// The model formats that mallorn-parse knows, in the order in which they are probed.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "mallorn-parse/model_format.hpp"

namespace mallorn::parse {

// One function per format, each in the file named after it.
ModelFormat gguf_format();
ModelFormat tflite_format();
ModelFormat onnx_format();
ModelFormat raw_format();

// All formats. Those with a magic come first, `raw` (which takes anything) last.
std::array<ModelFormat, 4> model_formats();

// The first format whose probe takes `file`; `raw` if no other does.
ModelFormat probe_format(ByteView file);

// The format called `name`, as given to --format; nothing if there is none.
std::optional<ModelFormat> find_format(std::string_view name);

}  // namespace mallorn::parse
