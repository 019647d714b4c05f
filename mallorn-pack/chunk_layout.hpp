// Which bytes of a chunk are coded where: among the steps, or in a section.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

constexpr uint32_t kNoSection = UINT32_MAX;

struct SectionPlan {
  Dtype dtype = Dtype::opaque;
  bool has_base = false;
  std::vector<uint8_t> result;  // of its steps, joined
  std::vector<uint8_t> base;    // as long, or empty
};

struct ChunkLayout {
  std::vector<uint32_t> section_of;  // by step: index into sections, or kNoSection
  std::vector<SectionPlan> sections;
};

// Tensors go into sections, but for the first `inlined_elements` bytes of them, which are
// coded among the steps as bytes between tensors are.
ChunkLayout lay_out(const ChunkInput& chunk, uint64_t inlined_elements);

}  // namespace mallorn::pack
