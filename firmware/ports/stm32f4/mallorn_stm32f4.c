#include "firmware/ports/stm32f4/mallorn_stm32f4.h"

#include <string.h>

/* RM0090, chapter 3: embedded flash memory interface. */
#define FLASH_BASE_ADDRESS 0x40023C00u
#define FLASH_ACR (*(volatile uint32_t*)(FLASH_BASE_ADDRESS + 0x00u))
#define FLASH_KEYR (*(volatile uint32_t*)(FLASH_BASE_ADDRESS + 0x04u))
#define FLASH_SR (*(volatile uint32_t*)(FLASH_BASE_ADDRESS + 0x0Cu))
#define FLASH_CR (*(volatile uint32_t*)(FLASH_BASE_ADDRESS + 0x10u))

#define ACR_DATA_CACHE (1u << 10)
#define ACR_DATA_CACHE_RESET (1u << 12)
#define SR_ERRORS 0xF2u /* PGSERR PGPERR PGAERR WRPERR OPERR */
#define SR_BUSY (1u << 16)
#define CR_PROGRAM 1u
#define CR_SECTOR_ERASE 2u
#define CR_WORDS (2u << 8) /* 32 bits at a time: 2.7 V to 3.6 V */
#define CR_START (1u << 16)
#define CR_LOCK (1u << 31)

static void unlock(void) {
  if ((FLASH_CR & CR_LOCK) == 0) return;
  FLASH_KEYR = 0x45670123u;
  FLASH_KEYR = 0xCDEF89ABu;
}

static int wait(void) {
  while ((FLASH_SR & SR_BUSY) != 0) {
  }
  return (FLASH_SR & SR_ERRORS) == 0 ? 0 : -1;
}

/* Errors of before must not be taken for new ones; they are cleared by ones. */
static void begin(uint32_t mode) {
  (void)wait();
  unlock();
  FLASH_SR = SR_ERRORS;
  FLASH_CR = mode | CR_WORDS;
}

static int end(int status) {
  FLASH_CR = CR_LOCK;
  return status;
}

/* What is programmed is changed in the data cache as well; what is erased may still be in
 * it. */
static void empty_data_cache(void) {
  const uint32_t control = FLASH_ACR;
  if ((control & ACR_DATA_CACHE) == 0) return;
  FLASH_ACR = control & ~ACR_DATA_CACHE;
  FLASH_ACR = (control & ~ACR_DATA_CACHE) | ACR_DATA_CACHE_RESET;
  FLASH_ACR = control & ~ACR_DATA_CACHE;
  FLASH_ACR = control;
}

int mallorn_stm32f4_read(void* context, uint8_t region, uint32_t offset, void* to,
                         uint32_t length) {
  const mallorn_stm32f4* flash = (const mallorn_stm32f4*)context;
  memcpy(to, (const void*)(uintptr_t)(flash->address[region] + offset), length);
  return 0;
}

int mallorn_stm32f4_erase(void* context, uint8_t region, uint32_t offset) {
  const mallorn_stm32f4* flash = (const mallorn_stm32f4*)context;
  const uint32_t sector = flash->first_sector[region] + (offset >> flash->sector_size_log2);
  const uint32_t mode = CR_SECTOR_ERASE | sector << 3;
  begin(mode);
  FLASH_CR = mode | CR_WORDS | CR_START;
  const int status = end(wait());
  empty_data_cache();
  return status;
}

int mallorn_stm32f4_program(void* context, uint8_t region, uint32_t offset, const void* from,
                            uint32_t length) {
  const mallorn_stm32f4* flash = (const mallorn_stm32f4*)context;
  volatile uint32_t* to =
      (volatile uint32_t*)(uintptr_t)(flash->address[region] + offset);
  int status = 0;
  begin(CR_PROGRAM);
  for (uint32_t i = 0; i < length && status == 0; i += 4) {
    uint32_t word;
    memcpy(&word, (const uint8_t*)from + i, 4);
    *to++ = word;
    status = wait();
  }
  return end(status);
}
