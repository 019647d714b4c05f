// CRC-32C without a table; libcommon's has one of 1,024 bytes, and is faster.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mallorn::firmware {

// Extends `crc` (0 to begin with) over `bytes`.
uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length);

}  // namespace mallorn::firmware
