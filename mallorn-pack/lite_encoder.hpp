// Codes the pieces of a plan as the body of a patch of profile `lite`
// (docs/format/lite.md).
#pragma once

#include <cstdint>
#include <vector>

#include "mallorn-pack/lite_plan.hpp"

namespace mallorn::pack {

// Models begin anew at every multiple of 2^restart_log2 bytes of the result, as the pieces
// do.
std::vector<uint8_t> encode_lite(const LitePlan& plan, uint32_t restart_log2);

}  // namespace mallorn::pack
