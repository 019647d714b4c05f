/* Flash of nRF51 and nRF52 by their NVMC: port functions of mallorn.h. (Not of nRF53: its
 * registers are elsewhere.) Erase blocks, and metadata sectors, are pages: 1,024 bytes on
 * nRF51, 4,096 on nRF52. */
#ifndef MALLORN_NRF5X_NVMC_H
#define MALLORN_NRF5X_NVMC_H

#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the regions are: the context of these functions begins with one. */
typedef struct mallorn_nvmc {
  uint32_t region[4]; /* addresses: slot A, slot B, metadata A, metadata B */
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
