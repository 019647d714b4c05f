// Lengths in front of what codecs have coded.
#pragma once

#include <cstdint>
#include <vector>

namespace mallorn::pack {

// LEB128, minimal: ByteReader::varint() reads it.
inline void append_varint(uint64_t value, std::vector<uint8_t>* to) {
  for (; value >= 0x80; value >>= 7) to->push_back(static_cast<uint8_t>(value | 0x80));
  to->push_back(static_cast<uint8_t>(value));
}

}  // namespace mallorn::pack
