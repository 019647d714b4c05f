// The body that copy_decoder.cpp takes, which is as long as the result: each of its bytes
// is that of the result, xor one of the base at the same place, the first one of the base
// that must still be there, one that was made before, and a number that depends on all that
// was made since the last restart point. So it shows when anything of that is lost, or read
// too late.
#pragma once

#include <cstdint>

namespace mallorn::firmware::sim {

constexpr uint32_t kCopyRestart = 512;  // bytes between restart points
constexpr uint32_t kCopyBack = 160;     // more than a page

inline uint8_t next_roll(uint32_t roll, uint8_t made) {
  return static_cast<uint8_t>(5 * roll + made + 1);
}

// The first byte of the base that is still there, in place, when the one at `position` is
// made: as many blocks as the lag before the one that it is in.
inline uint32_t first_left(uint32_t position, uint32_t log2, uint32_t lag) {
  if (log2 == 0) return position;
  const uint32_t block = position >> log2;
  return block < lag ? 0 : (block - lag) << log2;
}

}  // namespace mallorn::firmware::sim
