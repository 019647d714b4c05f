/* Flash whose controller no emulator has: memory that can only be read, and registers that cannot be reached.
 * Each store to either, and each load of a register, traps into what the board plays as its controller, so that
 * the port runs as it is. For Cortex-M with an MPU. */
#ifndef MALLORN_QEMU_TRAP_H
#define MALLORN_QEMU_TRAP_H

#include <stdint.h>

/* From here on: 1 MiB of flash at 0, registers at `registers`, 2^`size_log2` bytes of them. */
void trap_flash(uint32_t registers, uint32_t size_log2);

/* The board's; offsets are from `registers`. What should not be ends by board_exit. */
uint32_t load_register(uint32_t offset);
void store_register(uint32_t offset, uint32_t value);
void store_word(uint32_t* word, uint32_t value);

/* What stores do to flash that is written once: another exit code than 0 where it was not erased. */
void program_once(uint32_t* word, uint32_t value);
void erase_bytes(uint32_t offset, uint32_t length);

#endif
