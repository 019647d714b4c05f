// Chooses the codec of a section, by the bytes that each makes of it.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-pack/chunk_layout.hpp"
#include "mallorn-pack/pack_options.hpp"

namespace mallorn::pack {

struct CodedSection {
  CodecId codec = CodecId::stored;
  bool uses_base = false;
  std::vector<uint8_t> coded;
  std::vector<PartReport> reports;  // by part; none where the codec cannot tell
};

// The smallest of what the codecs make; of equals the first. Codecs that cannot win, by
// what has been seen, are not tried.
CodedSection encode_section(const SectionPlan& plan, const PackOptions& options);

}  // namespace mallorn::pack
