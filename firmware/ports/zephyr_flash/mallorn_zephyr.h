/* Flash areas of Zephyr as the flash of mallorn.h. */
#ifndef MALLORN_ZEPHYR_H
#define MALLORN_ZEPHYR_H

#include <zephyr/storage/flash_map.h>

#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The context of the port's functions begins with one. */
typedef struct mallorn_zephyr {
  const struct flash_area* slot[2]; /* of one size */
  const struct flash_area* meta;    /* two erase blocks */
  uint32_t erase_size;              /* of all three */
} mallorn_zephyr;

/* Opens the areas with these ids (FIXED_PARTITION_ID): 0, or -1. */
int mallorn_zephyr_open(mallorn_zephyr* areas, uint8_t slot_a, uint8_t slot_b, uint8_t meta,
                        uint32_t erase_size);
/* Sets read, erase, program and the sizes; what else a port has is left as it is. */
void mallorn_zephyr_port(const mallorn_zephyr* areas, mallorn_port* port);

#ifdef __cplusplus
}
#endif

#endif
