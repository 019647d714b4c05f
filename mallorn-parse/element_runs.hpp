// Finds elements in files whose format nobody knows: weights in files of their own, models
// of other tools, models whose beginning is damaged.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::parse {

struct ElementRun {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  Dtype dtype = Dtype::opaque;  // f64, f32, f16, bf16 or i8

  bool operator==(const ElementRun&) const = default;
};

// Runs of bytes that look like weights, in order, whole elements each: floats by how little
// their exponents vary, integers by how smoothly they are distributed. A guess from
// samples, deterministic: a wrong one makes a patch larger, never wrong. Long runs are cut
// where the offset is a multiple of 16 MiB, so that those of two versions of a file are
// alike.
std::vector<ElementRun> find_element_runs(ByteView file);

}  // namespace mallorn::parse
