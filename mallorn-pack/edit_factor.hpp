// Finds by what floats were multiplied (docs/format/edits.md, "Factors").
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/edit_model.hpp"

namespace mallorn::pack {

struct EditFactors {
  FactorKind kind = FactorKind::none;
  std::vector<uint32_t> factors;  // one, or one for each row, in binary32
  std::vector<uint8_t> products;  // of the base; empty without factors
};

// `row`: elements of a row, 0 if there are none. Nothing, unless most elements are what one
// factor makes of those of the base, or one for each row, but for the last place.
EditFactors find_factors(const ValueType& type, uint64_t row, ByteView base,
                         ByteView result);

}  // namespace mallorn::pack
