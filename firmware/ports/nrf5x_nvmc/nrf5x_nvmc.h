/* Flash of nRF51 and nRF52 by their NVMC: port functions of mallorn.h. */
#ifndef MALLORN_NRF5X_NVMC_H
#define MALLORN_NRF5X_NVMC_H

#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the regions are: the context of these functions begins with one. */
typedef struct mallorn_nvmc {
  uint32_t region[4]; /* addresses: slot A, slot B, metadata A, metadata B */
  uint32_t page_size; /* 1,024 on nRF51, 4,096 on nRF52; a metadata sector is one page */
} mallorn_nvmc;

int mallorn_nvmc_read(void* context, uint8_t region, uint32_t offset, void* to,
                      uint32_t length);
int mallorn_nvmc_erase(void* context, uint8_t region, uint32_t offset);
int mallorn_nvmc_program(void* context, uint8_t region, uint32_t offset, const void* from,
                         uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
