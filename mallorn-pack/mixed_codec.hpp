// Encodes codec 7, `mixed` (docs/format/mixed.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

// `dtype` has a mixed_type(); `base` is as long as `result` or empty; `parts` are what
// `result` consists of.
std::vector<uint8_t> encode_mixed(Dtype dtype, const std::vector<SectionPart>& parts,
                                  ByteView base, ByteView result);

}  // namespace mallorn::pack
