// Encodes codec 4, `values` (docs/format/values.md).
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/value_type.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

// `dtype` has a value_type() or half_type(); `base` is as long as `result` or empty;
// `parts` are what `result` consists of. Adds what became of each of them to `reports`.
std::vector<uint8_t> encode_values(Dtype dtype, const std::vector<SectionPart>& parts,
                                   ByteView base, ByteView result,
                                   std::vector<PartReport>* reports = nullptr);
// The same for a type that no dtype has, too.
std::vector<uint8_t> encode_values(const ValueType& type,
                                   const std::vector<SectionPart>& parts, ByteView base,
                                   ByteView result,
                                   std::vector<PartReport>* reports = nullptr);

}  // namespace mallorn::pack
