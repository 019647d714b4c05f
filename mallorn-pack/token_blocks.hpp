// Tokens of blocks of quantized weights: scales, and codes by how they miss those of the
// base seen through the new scales (docs/format/tokens.md, "Blocks").
#pragma once

#include "mallorn-pack/token_section.hpp"

namespace mallorn::pack {

// Of a section of blocks with a base. Chooses its groups.
TokenStreams block_tokens(TokenSection* section);

}  // namespace mallorn::pack
