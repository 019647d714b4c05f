// The ZIP archive that TFLite's metadata tools append to a model (labels, vocabularies).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/manifest.hpp"

namespace mallorn::parse {

// Ranges of role `tail`: one per entry, from its local header to the next one's, named
// after the entry, and one for the central directory. Empty if `file` does not end with a
// well-formed archive that lies at or after `begin`. Nothing is inflated.
std::vector<Range> zip_tail_ranges(ByteView file, uint64_t begin);

}  // namespace mallorn::parse
