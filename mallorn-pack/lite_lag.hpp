// Patches for devices with one slot: how much of the old model the journal must keep from
// being overwritten, so that the patch is small.
#pragma once

#include <vector>

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

struct LaggedBody {
  std::vector<uint8_t> body;
  uint32_t lag = 0;  // in blocks
};

// The body with the smallest lag, up to `most` blocks, that is about as small as with all
// of them. Blocks have `block_bytes`, a power of two; those of the lag less than 2^30
// together.
LaggedBody encode_in_place(const LitePlanner& planner, uint32_t restart_log2,
                           uint32_t block_bytes, uint32_t most);

}  // namespace mallorn::pack
