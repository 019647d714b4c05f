// One sort and one sweep. Ranges that lost a part of their bytes never come back as labels,
// so that the result has at most twice as many ranges as the input, plus one.
#include "mallorn-parse/tensor_map.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "libcommon/error.hpp"

namespace mallorn::parse {
namespace {

uint64_t end_of(const Range& range) { return range.offset_bytes + range.length_bytes; }

bool have_equal_extents(const Range& a, const Range& b) {
  return a.offset_bytes == b.offset_bytes && a.length_bytes == b.length_bytes;
}

bool is_range_before(const Range& a, const Range& b) {
  if (a.offset_bytes != b.offset_bytes) return a.offset_bytes < b.offset_bytes;
  return a.length_bytes > b.length_bytes;
}

// Moves the names of ranges (first, last) into `first`, each name once, in order.
void merge_names(std::vector<Range>::iterator first, std::vector<Range>::iterator last) {
  std::vector<std::string> names;
  std::set<std::string> seen;  // a hash table could be flooded
  for (auto range = first; range != last; ++range) {
    for (std::string& name : range->names) {
      if (seen.insert(name).second) names.push_back(std::move(name));
    }
  }
  first->names = std::move(names);
}

class Tiling {
 public:
  void add(Range range) {
    const uint64_t end = end_of(range);
    if (range.offset_bytes >= end_) {
      fill_to(range.offset_bytes);
      tiles_.push_back(std::move(range));
      end_ = end;
    } else {
      // It lost its start; what no label claims of the rest becomes opaque.
      opaque_end_ = std::max(opaque_end_, end);
    }
  }

  std::vector<Range> finish(uint64_t length_bytes) {
    fill_to(length_bytes);
    return std::move(tiles_);
  }

 private:
  void fill_to(uint64_t offset) {
    add_gap(std::min(offset, opaque_end_), "opaque");
    add_gap(offset, "meta");
  }

  void add_gap(uint64_t end, const char* role) {
    if (end <= end_) return;
    Range gap;
    gap.offset_bytes = end_;
    gap.length_bytes = end - end_;
    gap.role = role;
    tiles_.push_back(std::move(gap));
    end_ = end;
  }

  std::vector<Range> tiles_;
  uint64_t end_ = 0;         // of the last tile
  uint64_t opaque_end_ = 0;  // of the longest range that lost its start
};

}  // namespace

std::vector<Range> tile_ranges(std::vector<Range> ranges, uint64_t length_bytes) {
  for (const Range& range : ranges) {
    if (!range_fits(range.offset_bytes, range.length_bytes, length_bytes)) {
      throw Error(Status::internal, "a parser labelled bytes past the end of the file");
    }
  }
  std::erase_if(ranges, [](const Range& range) { return range.length_bytes == 0; });
  std::stable_sort(ranges.begin(), ranges.end(), is_range_before);

  Tiling tiling;
  for (auto first = ranges.begin(); first != ranges.end();) {
    auto last = std::next(first);
    while (last != ranges.end() && have_equal_extents(*first, *last)) ++last;
    if (std::next(first) != last) merge_names(first, last);
    tiling.add(std::move(*first));
    first = last;
  }
  return tiling.finish(length_bytes);
}

}  // namespace mallorn::parse
