// Which bytes of a chunk are coded where: among the steps, or in a section.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

// At most this many bytes of elements are coded by ByteModel in a chunk: it packs small tensors
// best, and runs slowest. Bytes between tensors, which are few, have no such limit.
constexpr uint64_t kMaxInlinedElements = 128 * 1024;

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

// With `inlines_elements`, tensors short enough are coded among the steps as well.
ChunkLayout lay_out(const ChunkInput& chunk, bool inlines_elements);

}  // namespace mallorn::pack
