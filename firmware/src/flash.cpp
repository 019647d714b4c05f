#include "firmware/src/flash.hpp"

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint8_t region_of(uint32_t place) {
  return static_cast<uint8_t>(place >> kOffsetBits);
}
constexpr uint32_t offset_of(uint32_t place) { return place & ((1u << kOffsetBits) - 1); }

}  // namespace

int Flash::read(uint32_t place, void* to, uint32_t length) const {
  return port->read(context, region_of(place), offset_of(place), to, length) == 0
             ? MALLORN_DONE
             : MALLORN_E_FLASH_READ;
}

int Flash::erase(uint32_t place) const {
  return port->erase(context, region_of(place), offset_of(place)) == 0
             ? MALLORN_MORE
             : MALLORN_E_FLASH_ERASE;
}

int Flash::program(uint32_t place, const void* from, uint32_t length) const {
  return port->program(context, region_of(place), offset_of(place), from, length) == 0
             ? MALLORN_DONE
             : MALLORN_E_FLASH_PROGRAM;
}

int Flash::write(uint32_t place, const void* from, uint32_t length) const {
  const auto* bytes = static_cast<const uint8_t*>(from);
  uint8_t there[kMaxWordBytes];
  length = whole_words(length, port->write_size);
  while (length > 0) {
    const uint32_t piece = length < kMaxWordBytes ? length : kMaxWordBytes;
    if (port->program(context, region_of(place), offset_of(place), bytes, piece) != 0 ||
        read(place, there, piece) != MALLORN_DONE || !is_same(there, bytes, piece)) {
      return MALLORN_E_FLASH_PROGRAM;
    }
    place += piece;
    bytes += piece;
    length -= piece;
  }
  return MALLORN_DONE;
}

}  // namespace mallorn::firmware
