// Which bytes of a chunk are coded where: among the steps, or in a section.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcommon/core/mask_model.hpp"
#include "libcommon/core/patch_format.hpp"
#include "mallorn-pack/delta_source.hpp"
#include "mallorn-pack/joined_bytes.hpp"

namespace mallorn::pack {

constexpr uint32_t kNoSection = UINT32_MAX;

// What one step has put into a section.
struct SectionPart {
  uint64_t length_bytes = 0;
  TensorPlace place;
  // Where in the base the matrix would begin whose elements predict these (mod 2^64): parts
  // with the same place of one matrix. Nothing if none does, or of another dtype.
  std::optional<uint64_t> matrix = {};
};

// What has become of a part: for people, nothing follows from it.
struct PartReport {
  uint64_t coded_bytes = 0;  // of the section's payload
  std::string predictor;
};

struct SectionPlan {
  Dtype dtype = Dtype::opaque;
  bool has_base = false;
  Conversion conversion;      // that has made `base` from elements of another dtype
  std::vector<uint8_t> grid;  // if that has lanes, as write_lane_grid() writes them
  bool is_same = false;       // permuted steps alone, which `base` is the result of
  bool is_permuted = false;   // some of its steps are
  std::vector<SectionPart> parts;
  JoinedBytes result;  // of its steps
  // As long, or empty; of a conversion that has weights these, in binary32.
  JoinedBytes base;
  std::vector<MaskShape> masks;  // of which `result` is the arrays; else empty
};

// What is long enough for a section.
inline constexpr uint64_t kLongStep = 1024;

struct ChunkLayout {
  std::vector<uint32_t> section_of;  // by step: index into sections, or kNoSection
  std::vector<SectionPlan> sections;
};

struct LayoutOptions {
  bool finds_masks = false;   // index arrays of sparse tensors have a section of their own,
                              // of opaque bytes without a base
  bool uses_distant = false;  // what a base hardly resembles has that base all the same
  bool models_bytes = true;   // false: those of long steps go into sections, too: there
                              // they decode some hundred times as fast
  bool uses_permuted = true;  // false: permuted steps are coded on their own
};

// Elements go into sections, by dtype and what is converted to it, permuted or not; where
// nothing but the order of axes has changed, into one of their own. Bytes stay among the
// steps, as options have it. What is not made for a section are views of `chunk`, which
// outlives them.
ChunkLayout lay_out(const ChunkInput& chunk, const LayoutOptions& options);

}  // namespace mallorn::pack
