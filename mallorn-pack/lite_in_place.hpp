// Patches for devices with one slot, which write the result over the base block by block:
// what a block is made from must not be before it in the base.
#pragma once

#include <vector>

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

// The first place in the base that can still be read when the byte of the result at `at` is
// made. `block_bytes` is a power of two, or 0: all of the base can.
constexpr uint32_t first_in_base(uint32_t at, uint32_t block_bytes) {
  return block_bytes == 0 ? 0 : at & ~(block_bytes - 1);
}

// Cuts pieces such that each part can read all of the base that it wants, or wants none.
std::vector<LitePiece> keep_in_place(const std::vector<LitePiece>& pieces,
                                     uint32_t block_bytes);

}  // namespace mallorn::pack
