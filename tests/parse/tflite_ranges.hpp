// How tests of the TFLite parser look at the ranges it finds.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tensor_map.hpp"

namespace mallorn::parse::tflite_test {

// Numbers of element types, as the schema has them.
inline constexpr int kFloat32 = 0, kInt32 = 2, kUint8 = 3, kString = 5, kInt8 = 9,
                     kInt4 = 17;

// The ranges of a model, gaps included: all of the file, each byte once.
inline std::vector<Range> parse_and_tile(ByteView file) {
  std::vector<Range> ranges = tile_ranges(tflite_format().read(file).ranges, file.size());
  uint64_t end = 0;
  for (const Range& range : ranges) {
    CHECK(range.offset_bytes == end);
    end += range.length_bytes;
  }
  CHECK(end == file.size());
  return ranges;
}

// Those of some role and name; of any if empty.
inline std::vector<Range> select(const std::vector<Range>& ranges, const std::string& role,
                                 const std::string& name = {}) {
  std::vector<Range> found;
  for (const Range& range : ranges) {
    const bool has_name = name.empty() || std::find(range.names.begin(), range.names.end(),
                                                    name) != range.names.end();
    if (range.role == role && has_name) found.push_back(range);
  }
  return found;
}

// The only tensor called `name`.
inline Range tensor_of(const std::vector<Range>& ranges, const std::string& name,
                       const std::string& role = {}) {
  const std::vector<Range> found = select(ranges, role, name);
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == RangeKind::tensor);
  return found[0];
}

inline bool is_filled(const std::vector<uint8_t>& file, const Range& range, uint8_t fill) {
  const auto begin = file.begin() + static_cast<ptrdiff_t>(range.offset_bytes);
  return std::all_of(begin, begin + static_cast<ptrdiff_t>(range.length_bytes),
                     [&](uint8_t byte) { return byte == fill; });
}

}  // namespace mallorn::parse::tflite_test
