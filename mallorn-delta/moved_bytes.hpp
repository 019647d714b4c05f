// Tensors whose elements have moved in no order that rows or columns have: they are coded
// as bytes of the base where that is less than anything that is known of elements.
#pragma once

#include <optional>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/byte_match.hpp"
#include "mallorn-delta/marks.hpp"

namespace mallorn::delta {

struct MovedBytes {
  std::vector<Segment> segments;
  uint64_t cost = 0;  // roughly, in 1/1024 bit
};

// What segments of a match of `result` cost, as above.
uint64_t cost_of_segments(ByteView base, ByteView result,
                          const std::vector<Segment>& segments);

class MovedTensors {
  // For all tensors together; a step of each takes some 200 bytes until all is planned.
  static constexpr size_t kMostSegments = size_t{1} << 18;

 public:
  // `whole`: an index of all bytes of the base, if there is one.
  MovedTensors(const Model& base, const Model& result, ByteIndex* whole)
      : base_(base), result_(result), whole_(whole) {}

  // How `range` of the result is made of bytes that are `expected` in the base or anywhere
  // in the ranges that `found` names, for less than `most`. Bytes are looked for in a
  // bounded number of those of the base, and found in so many pieces, all tensors together.
  std::optional<MovedBytes> find(const Range& range, const Marks::Found& found,
                                 uint64_t expected, uint64_t most);

 private:
  std::optional<ByteIndex> index_of(const Marks::Found& found);
  bool is_promising(const Range& range, ByteIndex& index, uint64_t expected,
                    uint64_t most) const;

  const Model& base_;
  const Model& result_;
  ByteIndex* whole_;
  uint64_t indexed_bytes_ = 0;  // of all indices that were made
  SearchBudget budget_{SearchBudget{}.thorough, kMostSegments};  // of all tensors
};

}  // namespace mallorn::delta
