// Part of a file.
#pragma once

#include <cstdint>
#include <vector>

namespace mallorn::apply {

// Bytes [offset, offset + length).
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;

  uint64_t end() const { return offset + length; }
  bool operator==(const ByteRange&) const = default;
};

// Sorts them and joins those that touch or overlap; empty ones go.
void join_ranges(std::vector<ByteRange>* ranges);

}  // namespace mallorn::apply
