// Short sections that are better coded among the steps of their chunk.
#pragma once

#include <cstdint>
#include <vector>

#include "mallorn-pack/chunk_layout.hpp"
#include "mallorn-pack/section_encoder.hpp"

namespace mallorn::pack {

// A section costs its head and the end of its coder, and its models have seen nothing: of a
// few hundred bytes, the model of bytes may say the same in less, as it knows those around
// them. Takes such sections from `layout` and `sections`, which are coded, so that the
// chunk becomes smaller. `base_bytes` is the length of the whole base.
void drop_short_sections(const ChunkInput& chunk, uint64_t base_bytes, ChunkLayout* layout,
                         std::vector<CodedSection>* sections);

}  // namespace mallorn::pack
