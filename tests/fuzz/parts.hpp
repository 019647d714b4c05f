// The shape that fuzz targets of codecs tell an encoder, from the first bytes of the base.
#pragma once

#include <vector>

#include "libcommon/core/bytes.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::fuzz {

inline TensorPlace place_of(ByteView base) {
  if (base.size() < 4) return {};
  const uint64_t columns = base[1] % 64;
  return {base[0], columns * (1 + base[2] % 3), columns, 0, int32_t{base[3]} - 128};
}

// In two parts; the first is of whole units of so many bytes, and may end within an
// element.
inline std::vector<pack::SectionPart> parts_of(ByteView base, size_t length, size_t unit) {
  const size_t first = base.size() < 5 ? length : length * base[4] / 255 / unit * unit;
  const TensorPlace place = place_of(base);
  return {{first, place, {}}, {length - first, {}, {}}};
}

}  // namespace mallorn::fuzz
