/* What a board gives to the demonstration: flash, and a way to speak and to end. */
#ifndef MALLORN_QEMU_BOARD_H
#define MALLORN_QEMU_BOARD_H

#include "firmware/include/mallorn.h"

/* Regions, by the linker script; slot A holds the base from the beginning. */
extern uint8_t slot_a[], slot_b[], meta_a[], meta_b[];

/* By the linker script: the stack lies between them. */
extern uint8_t stack_limit[], stack_top[];

/* Files, by files.S. */
extern const uint8_t base_begin[], base_end[], patch_begin[], patch_end[], key_begin[];

/* Makes the port's functions and its sizes; returns its context. */
void* board_port(mallorn_port* port);
/* That of nRF51 and nRF52 (board_nvmc.c). */
void* nvmc_port(mallorn_port* port, uint32_t page_size);

void board_print(const char* text);
void board_print_hex(const uint8_t* bytes, uint32_t length);
void board_print_number(const char* name, uint32_t value);
void board_exit(int code);
void* board_stack_pointer(void);
/* Only where there is cuts.c. */
void board_reset(void);

/* The patch, in pieces of 1 to 61 bytes; `has_pauses`: now and then there is nothing yet. */
int32_t patch_piece(void* to, uint32_t length, int has_pauses);
/* The next piece begins at `offset`. */
void patch_go_to(uint32_t offset);
/* By the header: bytes of the new model. */
uint32_t patch_result_length(void);

/* Paints what of the stack is free, and finds how far it has been used since. */
void paint_stack(void);
uint32_t used_stack(void);
/* Whether it is not MALLORN_DONE; prints what, then. */
int is_failed(const char* what, int status);
/* With one slot: a journal of so many blocks at least, and as long as the patch wants it. 0: the patch
 * is for two. */
uint32_t journal_for_patch(const mallorn_port* port, uint32_t blocks);

int demo(void);

#endif
