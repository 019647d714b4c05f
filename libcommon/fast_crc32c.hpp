// CRC-32C with the processor's own instruction where it has one; same values as crc32c().
#pragma once

#include "libcommon/core/bytes.hpp"

namespace mallorn {

uint32_t fast_crc32c(uint32_t crc, ByteView bytes);

}  // namespace mallorn
