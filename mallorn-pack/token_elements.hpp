// Tokens of elements: floats and integers, on their own or by what they differ from the
// base (docs/format/tokens.md, "Elements").
#pragma once

#include "mallorn-pack/token_section.hpp"

namespace mallorn::pack {

// Of any section but one of blocks.
TokenStreams direct_tokens(const TokenSection& section);
// Of a section with a base. Chooses its groups.
TokenStreams difference_tokens(TokenSection* section);

}  // namespace mallorn::pack
