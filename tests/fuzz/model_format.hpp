// What readers of model formats promise of any bytes.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tensor_map.hpp"

namespace mallorn::fuzz {

// An Error, or ranges that lie inside the file and can be tiled.
inline int read_any(const parse::ModelFormat& format, const uint8_t* data, size_t size) {
  const ByteView file(data, size);
  (void)format.probe(file);
  try {
    const parse::ParsedModel model = format.read(file);
    for (const Range& range : model.ranges) {
      if (!range_fits(range.offset_bytes, range.length_bytes, size)) std::abort();
    }
    uint64_t position = 0;
    for (const Range& range : parse::tile_ranges(model.ranges, size)) {
      if (range.offset_bytes != position || range.length_bytes == 0) std::abort();
      position += range.length_bytes;
    }
    if (position != size) std::abort();
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace mallorn::fuzz
