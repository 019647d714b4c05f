// Tells which ranges of the base have elements of a tensor, if a few that are neighbours
// are equal here and there, whatever is between them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/model_source.hpp"

namespace mallorn::delta {

// Marks are elements that begin eight bytes with a hash that few have: where bytes are
// equal, so are marks, whatever is around them. At most 8 MiB; time linear in the length of
// the base.
class Marks {
 public:
  // `base` must outlive the marks.
  explicit Marks(const Model& base);

  struct Found {
    uint64_t seen = 0;           // different marks of the tensor
    uint64_t found = 0;          // of these, such as the base has, too
    std::vector<size_t> ranges;  // that have most of those, the one that has most first
  };
  // By a bounded sample of `range` of the result.
  Found find(const Model& result, const Range& range) const;

 private:
  void add(uint64_t hash, uint64_t offset);
  std::optional<uint64_t> place_of(uint64_t hash) const;

  const Model& base_;
  unsigned shift_;  // of so many elements, as a power of two, one is a mark
  unsigned slot_bits_;
  std::vector<uint64_t> slots_;  // 1 + offset, above it some of the hash; 0: none
};

}  // namespace mallorn::delta
