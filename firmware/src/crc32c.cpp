#include "firmware/src/crc32c.hpp"

namespace mallorn::firmware {

// Bit by bit: records and headers are short, and a table would cost more than the rest.
uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length) {
  constexpr uint32_t kPolynomial = 0x82f63b78;
  crc = ~crc;
  for (size_t i = 0; i < length; ++i) {
    crc ^= bytes[i];
    for (unsigned bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1) * kPolynomial;
  }
  return ~crc;
}

}  // namespace mallorn::firmware
