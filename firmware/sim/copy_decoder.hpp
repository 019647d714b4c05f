// The body that copy_decoder.cpp takes, which is as long as the result: each of its bytes
// is that of the result, xor one of the base at the same place, one of the base where the
// block begins, one that was made before, and a number that depends on all that was made
// since the last restart point. So it shows when anything of that is lost, or read too
// late.
#pragma once

#include <cstdint>

namespace mallorn::firmware::sim {

constexpr uint32_t kCopyRestart = 512;  // bytes between restart points
constexpr uint32_t kCopyBack = 160;     // more than a page

inline uint8_t next_roll(uint32_t roll, uint8_t made) {
  return static_cast<uint8_t>(5 * roll + made + 1);
}

// Where the block begins that `position` is in.
inline uint32_t block_begin(uint32_t position, uint32_t log2) {
  return log2 == 0 ? position : position >> log2 << log2;
}

}  // namespace mallorn::firmware::sim
