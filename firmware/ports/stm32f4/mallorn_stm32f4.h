/* Flash of STM32F4 as the flash of mallorn.h. */
#ifndef MALLORN_STM32F4_H
#define MALLORN_STM32F4_H

#include "firmware/include/mallorn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the regions are, in sectors of the flash; sectors of one slot are of one size. The context
 * of these functions begins with one. For example, of an F405 with 1 MiB:
 *   slot A 5..6, slot B 7..8 (128 KiB each), metadata 2 and 3 (16 KiB each). */
typedef struct mallorn_stm32f4 {
  uint32_t address[4];     /* slot A, slot B, metadata A, metadata B */
  /* As field SNB of FLASH_CR has them: by RM0090, table 5, but of the second bank of parts with two
   * 16 for sector 12, and so on. No region lies in both banks. */
  uint8_t first_sector[4];
  uint8_t sector_size_log2; /* of slots: 14, 16 or 17 */
} mallorn_stm32f4;

int mallorn_stm32f4_read(void* context, uint8_t region, uint32_t offset, void* to,
                         uint32_t length);
/* The processor stands still meanwhile: up to 2 seconds for 128 KiB. */
int mallorn_stm32f4_erase(void* context, uint8_t region, uint32_t offset);
/* In words of 4 bytes: port.write_size is 4. */
int mallorn_stm32f4_program(void* context, uint8_t region, uint32_t offset, const void* from,
                            uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
