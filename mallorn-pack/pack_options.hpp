// What a patch may cost: time to make it, and to apply it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

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

// How many bytes a patch may be larger if `modelled_bytes` of the result are not left to
// the model of bytes, with which it has `coded_bytes`. The model takes about a second for
// each megabyte, for whoever applies the patch, too: a second is worth 64 KiB, but not a
// fifth of a patch, and less where models are small.
inline uint64_t worth_of_time(uint64_t modelled_bytes, uint64_t coded_bytes,
                              const PackOptions& options) {
  if (options.is_max) return 0;
  const uint64_t most = coded_bytes / (options.level == kMaxLevel ? 16 : 4);
  return std::min(modelled_bytes / 16, most);
}

}  // namespace mallorn::pack
