#include "mallorn-apply/byte_range.hpp"

#include <algorithm>

namespace mallorn::apply {

void join_ranges(std::vector<ByteRange>* ranges) {
  std::sort(ranges->begin(), ranges->end(),
            [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  size_t kept = 0;
  for (const ByteRange& range : *ranges) {
    if (range.length == 0) continue;
    ByteRange* const last = kept != 0 ? &(*ranges)[kept - 1] : nullptr;
    if (last != nullptr && range.offset <= last->end()) {
      last->length = std::max(last->end(), range.end()) - last->offset;
    } else {
      (*ranges)[kept++] = range;
    }
  }
  ranges->resize(kept);
}

}  // namespace mallorn::apply
