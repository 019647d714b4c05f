// How many bytes of two arrays are equal, place by place.
#pragma once

#include <algorithm>

#include "libcommon/core/bytes.hpp"

namespace mallorn::pack {

// As far as both reach. Runs are short enough to be counted in bytes: vectors hold most of
// those.
inline size_t equal_bytes(ByteView a, ByteView b) {
  constexpr size_t kRun = 128;
  const size_t count = std::min(a.size(), b.size());
  size_t equal = 0;
  size_t i = 0;
  for (; count - i >= kRun; i += kRun) {
    uint8_t of_run = 0;
    for (size_t k = i; k < i + kRun; ++k)
      of_run = static_cast<uint8_t>(of_run + (a[k] == b[k] ? 1 : 0));
    equal += of_run;
  }
  for (; i < count; ++i) equal += a[i] == b[i] ? 1 : 0;
  return equal;
}

}  // namespace mallorn::pack
