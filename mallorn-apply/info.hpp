// What a patch holds, as its header and the heads of its chunks say; nothing is decoded.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "mallorn-apply/patch_reader.hpp"

namespace mallorn::apply {

// Sums over the sections of one codec, dtype and kind of prediction.
struct SectionTotal {
  CodecId codec = CodecId::stored;
  Dtype dtype = Dtype::opaque;
  bool has_base = false;
  Conversion conversion;
  uint64_t sections = 0;
  uint64_t result_bytes = 0;
  uint64_t coded_bytes = 0;
};

// A section, and where in the result its chunk begins.
struct PlacedSection {
  uint64_t chunk_offset = 0;
  SectionHeader header;
};

struct PatchInfo {
  PatchHeader header;
  std::vector<PatchSignature> signatures;
  uint64_t patch_bytes = 0;
  uint64_t chunks = 0;
  uint64_t copied_bytes = 0;            // taken from the base as they are
  uint64_t structure_result_bytes = 0;  // coded among the steps
  uint64_t structure_bytes = 0;         // the steps and those bytes, coded
  uint64_t zstd_run_bytes = 0;          // coded; the whole result as one zstd stream
  uint64_t lite_bytes = 0;              // of profile lite: its body, one stream
  uint64_t chunk_bytes = 0;             // of the result, made by chunks
  uint64_t again_bytes = 0;             // of these, made by a chunk once more
  std::vector<SectionTotal> sections;   // in order of their fields
  std::vector<PlacedSection> placed;    // the same one by one, as they come

  // Of the patch, what is none of the above: digests, signatures, frames of records, what
  // chunks say of their sections, scales of conversions.
  uint64_t head_bytes() const;
};

// Reads all of `patch`; throws as PatchReader does, and for chunk heads that are malformed.
PatchInfo read_info(PatchReader& patch);

// Verbose: each section has a line of its own as well.
std::string info_to_text(const PatchInfo& info, bool is_verbose = false);
std::string info_to_json(const PatchInfo& info);

}  // namespace mallorn::apply
