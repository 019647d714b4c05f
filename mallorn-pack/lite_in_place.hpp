// Patches for devices with one slot, which write the result over the base block by block:
// what a block is made from must still be there when it is made.
#pragma once

#include <vector>

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

// The first place in the base that can still be read when the byte of the result at `at` is
// made.
constexpr uint32_t first_in_base(uint32_t at, const InPlace& in_place) {
  if (in_place.block_bytes == 0) return 0;
  const uint32_t block = at & ~(in_place.block_bytes - 1);
  return block < in_place.lag_bytes ? 0 : block - in_place.lag_bytes;
}

// By how much a piece comes too late for all of the base that it wants, but for what is
// still there of the block that it begins in; 0: it does not.
uint32_t bytes_too_late(const LitePiece& piece, const InPlace& in_place);

// Cuts pieces such that each part can read all of the base that it wants, or wants none.
std::vector<LitePiece> keep_in_place(const std::vector<LitePiece>& pieces,
                                     const InPlace& in_place);

// The least lag, in blocks, that suffices for such pieces.
uint32_t lag_of(const std::vector<LitePiece>& pieces, uint32_t block_bytes);

}  // namespace mallorn::pack
