// What a patch holds, as its header and the heads of its chunks say; nothing is decoded.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "mallorn-apply/patch_reader.hpp"

namespace mallorn::apply {

// Sums over the sections of one codec and dtype.
struct SectionTotal {
  CodecId codec = CodecId::stored;
  Dtype dtype = Dtype::opaque;
  bool has_base = false;
  uint64_t sections = 0;
  uint64_t result_bytes = 0;
  uint64_t coded_bytes = 0;
};

struct PatchInfo {
  PatchHeader header;
  uint64_t patch_bytes = 0;
  uint64_t chunks = 0;
  uint64_t copied_bytes = 0;            // taken from the base as they are
  uint64_t structure_result_bytes = 0;  // coded among the steps
  uint64_t structure_bytes = 0;         // the steps and those bytes, coded
  uint64_t zstd_run_bytes = 0;          // coded; the whole result as one zstd stream
  std::vector<SectionTotal> sections;   // in order of codec, dtype, has_base
};

// Reads all of `patch`; throws as PatchReader does, and for chunk heads that are malformed.
PatchInfo read_info(PatchReader& patch);

std::string info_to_text(const PatchInfo& info);
std::string info_to_json(const PatchInfo& info);

}  // namespace mallorn::apply
