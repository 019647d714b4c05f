// For processors without a CRC-32C instruction, or whose compiler does not offer it.
#include "libcommon/core/crc32c.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn {

uint32_t fast_crc32c(uint32_t crc, ByteView bytes) { return crc32c(crc, bytes); }

}  // namespace mallorn
