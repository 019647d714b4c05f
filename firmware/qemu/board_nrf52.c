/* A Cortex-M4F with the flash of an nRF52840, by its product specification, chapter NVMC. */
#include "firmware/qemu/board.h"
#include "firmware/qemu/trap.h"

enum { READY = 0x400, CONFIG = 0x504, ERASEPAGE = 0x508 };
enum { READ_ONLY = 0, WRITE = 1, ERASE = 2, PAGE = 4096 };

static uint32_t config = READ_ONLY;
static uint32_t busy; /* loads of READY until what was begun has ended */

void store_register(uint32_t offset, uint32_t value) {
  if (busy != 0) board_exit(86);
  if (offset == CONFIG && value <= ERASE) {
    config = value;
  } else if (offset == ERASEPAGE && config == ERASE && value % PAGE == 0) {
    erase_bytes(value, PAGE);
    busy = 5;
  } else {
    board_exit(89);
  }
}

uint32_t load_register(uint32_t offset) {
  if (offset != READY) board_exit(89);
  if (busy == 0) return 1;
  --busy;
  return 0;
}

void store_word(uint32_t* word, uint32_t value) {
  if (config != WRITE || busy != 0) board_exit(87);
  program_once(word, value);
  busy = 2;
}

void* board_port(mallorn_port* port) {
  trap_flash(0x4001E000u, 12);
  return nvmc_port(port, PAGE);
}
