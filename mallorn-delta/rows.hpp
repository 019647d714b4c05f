// How tensors are cut into rows.
#pragma once

#include <cstdint>

#include "libcommon/manifest.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {

// Bytes of a row of a tensor: its fastest dimension, or as many of the fastest as have
// kKeySigns elements. The whole tensor if nothing is known, or rows are no whole blocks.
inline uint64_t row_bytes(const Range& range) {
  uint64_t elements = 1;
  for (size_t i = range.shape.size(); i-- > 0 && elements < kKeySigns;) {
    if (!checked_mul(elements, range.shape[i], &elements)) return range.length_bytes;
  }
  const DtypeLayout& layout = dtype_layout(range.dtype);
  uint64_t bytes = 0;
  if (elements == 0 || elements % layout.block_elements != 0 ||
      !checked_mul(elements / layout.block_elements, layout.block_bytes, &bytes) ||
      bytes == 0 || bytes > range.length_bytes) {
    return range.length_bytes;
  }
  return bytes;
}

}  // namespace mallorn::delta
