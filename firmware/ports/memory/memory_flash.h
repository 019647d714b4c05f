/* Memory that behaves as NOR flash does, for emulators without a flash controller. */
#ifndef MALLORN_MEMORY_FLASH_H
#define MALLORN_MEMORY_FLASH_H

#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mallorn_memory_flash {
  uint8_t* region[4];
  uint32_t erase_size; /* of slots */
  uint32_t meta_size;
} mallorn_memory_flash;

int mallorn_memory_read(void* context, uint8_t region, uint32_t offset, void* to,
                        uint32_t length);
int mallorn_memory_erase(void* context, uint8_t region, uint32_t offset);
/* Fails where a byte is not blank. */
int mallorn_memory_program(void* context, uint8_t region, uint32_t offset, const void* from,
                           uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
