// Encodes codec 6, `tokens` (docs/format/tokens.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/instructions.hpp"

namespace mallorn::pack {

// `dtype` has a token_type(); `base` is as long as `result`, or empty: not for blocks.
// Nothing if `result` is too short to have one element, or too long. The bytes are the same
// for all instructions.
std::vector<uint8_t> encode_tokens(Dtype dtype, ByteView base, ByteView result,
                                   Instructions instructions = best_instructions());

}  // namespace mallorn::pack
