// What a patch may cost: time to make it, and to apply it.
#pragma once

#include <cstddef>

namespace mallorn::pack {

// Of zstd, and of the search for the smallest codec.
inline constexpr int kMaxLevel = 19;

// Up to this level, nothing large is coded in a way that takes much longer than copying:
// adaptive codecs decode some 20 to 150 MB/s, `tokens` several times as much.
inline constexpr int kFastLevel = 3;

// What is not large in that sense.
inline constexpr size_t kSmallSection = 64 * 1024;

struct PackOptions {
  int level = 0;        // 1..kMaxLevel
  bool is_max = false;  // also codecs that are smaller by little and slower by much
};

}  // namespace mallorn::pack
