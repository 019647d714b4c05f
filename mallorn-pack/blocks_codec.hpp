// Encodes codec 3, `blocks` (docs/format/blocks.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

// `dtype` has a quant_grid(); `base` is as long as `result`; `parts` are what `result`
// consists of. Adds what became of each of them to `reports`.
std::vector<uint8_t> encode_blocks(Dtype dtype, const std::vector<SectionPart>& parts,
                                   ByteView base, ByteView result,
                                   std::vector<PartReport>* reports = nullptr);

// The same from weights, in binary32; `result` is whole blocks.
std::vector<uint8_t> encode_blocks_by_weights(Dtype dtype,
                                              const std::vector<SectionPart>& parts,
                                              ByteView weights, ByteView result,
                                              std::vector<PartReport>* reports = nullptr);

}  // namespace mallorn::pack
