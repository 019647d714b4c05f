// Numbers of a chunk that follow from others of it (docs/format/structure.md, "Derived").
#pragma once

#include "mallorn-apply/core/chunk_decoder.hpp"

namespace mallorn::apply {

// Completes the steps of kind `derived`, in order: of their numbers workspace->coded holds
// the corrections, and all other bytes of the chunk are there. Refuses (corrupt_data) a
// source that is not within the chunk, or that touches a derived step which is not yet
// complete.
Status add_products(ByteView base, ChunkWorkspace* workspace);

}  // namespace mallorn::apply
