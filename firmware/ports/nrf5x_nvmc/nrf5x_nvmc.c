#include "firmware/ports/nrf5x_nvmc/nrf5x_nvmc.h"

#include <string.h>

/* Product specification, chapter NVMC: the same registers on nRF51 and nRF52. */
#define NVMC_BASE 0x4001E000u
#define NVMC_READY (*(volatile uint32_t*)(NVMC_BASE + 0x400u))
#define NVMC_CONFIG (*(volatile uint32_t*)(NVMC_BASE + 0x504u))
#define NVMC_ERASEPAGE (*(volatile uint32_t*)(NVMC_BASE + 0x508u))

enum { CONFIG_READ = 0, CONFIG_WRITE = 1, CONFIG_ERASE = 2 };

/* What was begun has ended: before that no register may be written. */
static void wait(void) {
  while ((NVMC_READY & 1u) == 0) {
  }
}

static void configure(uint32_t mode) {
  NVMC_CONFIG = mode;
  wait();
}

static uint32_t address_of(void* context, uint8_t region, uint32_t offset) {
  return ((const mallorn_nvmc*)context)->region[region] + offset;
}

int mallorn_nvmc_read(void* context, uint8_t region, uint32_t offset, void* to,
                      uint32_t length) {
  memcpy(to, (const void*)(uintptr_t)address_of(context, region, offset), length);
  return 0;
}

int mallorn_nvmc_erase(void* context, uint8_t region, uint32_t offset) {
  configure(CONFIG_ERASE);
  NVMC_ERASEPAGE = address_of(context, region, offset);
  wait();
  configure(CONFIG_READ);
  return 0;
}

int mallorn_nvmc_program(void* context, uint8_t region, uint32_t offset, const void* from,
                         uint32_t length) {
  volatile uint32_t* word =
      (volatile uint32_t*)(uintptr_t)address_of(context, region, offset);
  const uint8_t* bytes = (const uint8_t*)from;
  configure(CONFIG_WRITE);
  for (uint32_t i = 0; i < length; i += 4) {
    *word++ = (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16 |
              (uint32_t)bytes[i + 3] << 24;
    wait();
  }
  configure(CONFIG_READ);
  return 0;
}
