// Index arrays of sparse tensors made up for tests: at random, and at every extreme.
#pragma once

#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/mask_model.hpp"
#include "mallorn-pack/mask_codec.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

using Rows = std::vector<std::vector<uint32_t>>;  // the columns that each row keeps

// Rows that keep about one column in `rarity`; some rows and columns more than others.
inline Rows random_rows(Random& random, uint32_t rows, uint32_t columns, uint64_t rarity) {
  std::vector<bool> is_rich(columns);
  for (uint32_t i = 0; i < columns; ++i) is_rich[i] = random.chance(3);
  Rows made(rows);
  for (std::vector<uint32_t>& row : made) {
    const bool is_rich_row = random.chance(3);
    for (uint32_t i = 0; i < columns; ++i) {
      const bool is_likely = is_rich_row || is_rich[i];
      if (random.chance(is_likely ? (rarity + 1) / 2 : rarity)) row.push_back(i);
    }
  }
  return made;
}

inline void append_number(Bytes* to, uint32_t number, uint8_t element_bytes) {
  for (unsigned i = 0; i < element_bytes; ++i) {
    to->push_back(static_cast<uint8_t>(number >> (8 * i)));
  }
}

// The two arrays of a sparse tensor.
struct SparseArrays {
  Bytes indices;
  Bytes segments;

  Bytes joined(bool has_segments_first) const {
    Bytes all = has_segments_first ? segments : indices;
    const Bytes& other = has_segments_first ? indices : segments;
    all.insert(all.end(), other.begin(), other.end());
    return all;
  }
};

inline SparseArrays arrays_of(const Rows& rows, uint8_t index_bytes,
                              uint8_t segment_bytes) {
  SparseArrays made;
  uint32_t ones = 0;
  append_number(&made.segments, 0, segment_bytes);
  for (const std::vector<uint32_t>& row : rows) {
    for (const uint32_t column : row) append_number(&made.indices, column, index_bytes);
    ones += static_cast<uint32_t>(row.size());
    append_number(&made.segments, ones, segment_bytes);
  }
  return made;
}

inline Dtype dtype_of_width(uint8_t bytes) {
  return bytes == 1 ? Dtype::u8 : bytes == 2 ? Dtype::u16 : Dtype::i32;
}

inline std::optional<MaskShape> find_mask(const SparseArrays& arrays, uint8_t index_bytes,
                                          uint8_t segment_bytes, bool has_segments_first) {
  const pack::ArrayView indices = {dtype_of_width(index_bytes), arrays.indices};
  const pack::ArrayView segments = {dtype_of_width(segment_bytes), arrays.segments};
  return has_segments_first ? pack::find_mask(segments, indices)
                            : pack::find_mask(indices, segments);
}

}  // namespace mallorn::test
