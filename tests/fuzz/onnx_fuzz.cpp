// Any bytes as an ONNX model: an Error, or ranges that lie inside it and can be tiled.
#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tensor_map.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mallorn::ByteView file(data, size);
  const mallorn::parse::ModelFormat format = mallorn::parse::onnx_format();
  (void)format.probe(file);
  try {
    const mallorn::parse::ParsedModel model = format.read(file);
    for (const mallorn::Range& range : model.ranges) {
      if (!mallorn::range_fits(range.offset_bytes, range.length_bytes, size)) std::abort();
    }
    uint64_t position = 0;
    for (const mallorn::Range& range : mallorn::parse::tile_ranges(model.ranges, size)) {
      if (range.offset_bytes != position || range.length_bytes == 0) std::abort();
      position += range.length_bytes;
    }
    if (position != size) std::abort();
  } catch (const mallorn::Error&) {
  }
  return 0;
}
