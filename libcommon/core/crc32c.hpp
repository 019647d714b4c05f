// CRC-32C (Castagnoli): the check of frames and chunks. It notices accidents, never
// attackers.
#pragma once

#include "libcommon/core/bytes.hpp"

namespace mallorn {

// Extends `crc` (0 to begin with) over `bytes`. Check value: crc32c(0, "123456789") ==
// 0xE3069283.
uint32_t crc32c(uint32_t crc, ByteView bytes);

}  // namespace mallorn
