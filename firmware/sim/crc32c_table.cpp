// In place of firmware/src/crc32c.cpp, which goes bit by bit: in simulations a third of the
// time went there. The test of resuming
// takes patches of mallorn-pack with it.
#include <array>

#include "firmware/src/crc32c.hpp"

namespace mallorn::firmware {
namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (unsigned bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    table[byte] = crc;
  }
  return table;
}();

}  // namespace

uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length) {
  crc = ~crc;
  for (size_t i = 0; i < length; ++i) crc = crc >> 8 ^ kTable[(crc ^ bytes[i]) & 0xFF];
  return ~crc;
}

}  // namespace mallorn::firmware
