// Encodes codec 8, `edits` (docs/format/edits.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

// `parts` are what `result` consists of. Nothing, if `base` is not as long, if `dtype`
// has no edit_type(), if a part is not whole elements, or if so many elements are neither
// those of the base nor special that other codecs are better.
std::vector<uint8_t> encode_edits(Dtype dtype, const std::vector<SectionPart>& parts,
                                  ByteView base, ByteView result);

// A quick look at whether it may follow from the base, or from little, what elements become
// that change: they are multiplied, or have few values in common. Where it does not, edits
// say as much as other codecs do.
bool may_follow(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                ByteView result);

}  // namespace mallorn::pack
