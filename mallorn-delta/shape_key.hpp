// A shape as the key of a map, or a part of one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mallorn::delta {

// Vectors have an order of their own; but `<=>` of GCC 12 compares only the first of their
// bytes on big-endian processors (libstdc++'s bug 113960), so that different shapes are
// one.
struct ShapeKey {
  std::vector<uint64_t> dims;

  friend bool operator==(const ShapeKey&, const ShapeKey&) = default;
  friend bool operator<(const ShapeKey& a, const ShapeKey& b) {
    return std::lexicographical_compare(a.dims.begin(), a.dims.end(), b.dims.begin(),
                                        b.dims.end());
  }
};

}  // namespace mallorn::delta
