// Encodes the structure stream of a chunk: its steps, and the bytes coded among them.
#pragma once

#include <cstdint>
#include <vector>

#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

struct Structure {
  std::vector<uint8_t> coded;
  uint32_t features = 0;             // that a reader needs for it
  std::vector<uint32_t> step_bytes;  // of `coded`, by step: roughly, for people
};

// `base_bytes` is the length of the whole base.
Structure encode_structure(const ChunkInput& chunk, const ChunkLayout& layout,
                           uint64_t base_bytes);

}  // namespace mallorn::pack
