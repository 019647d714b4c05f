#include "firmware/ports/memory/memory_flash.h"

#include <string.h>

static uint8_t* place_of(void* context, uint8_t region, uint32_t offset) {
  return ((const mallorn_memory_flash*)context)->region[region] + offset;
}

int mallorn_memory_read(void* context, uint8_t region, uint32_t offset, void* to,
                        uint32_t length) {
  memcpy(to, place_of(context, region, offset), length);
  return 0;
}

int mallorn_memory_erase(void* context, uint8_t region, uint32_t offset) {
  const mallorn_memory_flash* flash = (const mallorn_memory_flash*)context;
  const uint32_t size = region < MALLORN_META_A ? flash->erase_size : flash->meta_size;
  memset(place_of(context, region, offset), 0xFF, size);
  return 0;
}

int mallorn_memory_program(void* context, uint8_t region, uint32_t offset, const void* from,
                           uint32_t length) {
  uint8_t* to = place_of(context, region, offset);
  for (uint32_t i = 0; i < length; ++i) {
    if (to[i] != 0xFF) return -1;
    to[i] = ((const uint8_t*)from)[i];
  }
  return 0;
}
