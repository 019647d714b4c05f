// Encodes codec 6, `tokens` (docs/format/tokens.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn::pack {

// `dtype` has a token_type(); `base` is as long as `result`, or empty: not for blocks.
// Nothing if `result` is too short to have one element, or too long.
std::vector<uint8_t> encode_tokens(Dtype dtype, ByteView base, ByteView result);

}  // namespace mallorn::pack
