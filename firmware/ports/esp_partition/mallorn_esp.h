/* Partitions of ESP-IDF as the flash of mallorn.h. */
#ifndef MALLORN_ESP_H
#define MALLORN_ESP_H

#include <esp_partition.h>
#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The context of the port's functions begins with one. */
typedef struct mallorn_esp {
  const esp_partition_t* slot[2]; /* of one size */
  const esp_partition_t* meta;    /* two sectors */
} mallorn_esp;

/* Finds the partitions of type data with these labels: 0, or -1 if one is missing or the sizes do
 * not fit. */
int mallorn_esp_find(mallorn_esp* esp, const char* slot_a, const char* slot_b,
                     const char* meta);
/* Sets read, erase, program and the sizes; what else a port has is left as it is. */
void mallorn_esp_port(const mallorn_esp* esp, mallorn_port* port);

#ifdef __cplusplus
}
#endif

#endif
