/* A Cortex-M4F with the flash of an STM32F405, by RM0090, chapter 3. */
#include "firmware/ports/stm32f4/mallorn_stm32f4.h"
#include "firmware/qemu/board.h"
#include "firmware/qemu/trap.h"

enum { ACR = 0x00, KEYR = 0x04, SR = 0x0C, CR = 0x10 };
#define PROGRAM 1u
#define SECTOR_ERASE 2u
#define START (1u << 16)
#define LOCK (1u << 31)
#define SEQUENCE_ERROR (1u << 7)
#define PARALLELISM_ERROR (1u << 6)
#define BUSY (1u << 16)
#define DATA_CACHE (1u << 10)
#define DATA_CACHE_RESET (1u << 12)

static uint32_t access_control = DATA_CACHE;
static int is_cache_stale;
static uint32_t control = LOCK;
static uint32_t errors;
static uint32_t right_keys;
static uint32_t busy; /* loads of SR until what was begun has ended */

static void erase_sector(uint32_t sector) {
  if (sector < 4) {
    erase_bytes(sector << 14, 0x4000);
  } else if (sector == 4) {
    erase_bytes(0x10000, 0x10000);
  } else if (sector < 12) {
    erase_bytes((sector - 4) << 17, 0x20000);
  } else {
    board_exit(85);
  }
  busy = 5;
  is_cache_stale = 1;
}

/* The cache can be emptied only while it is off, and must be before anything else is done. */
static void store_access_control(uint32_t value) {
  if ((value & DATA_CACHE_RESET) != 0) {
    if ((access_control & DATA_CACHE) != 0 || busy != 0) board_exit(80);
    is_cache_stale = 0;
  }
  access_control = value;
}

static void store_control(uint32_t value) {
  if ((control & LOCK) != 0 || busy != 0) board_exit(86);
  control = value & ~START;
  if ((value & START) == 0) return;
  if ((value & (SECTOR_ERASE | PROGRAM)) != SECTOR_ERASE) board_exit(87);
  erase_sector(value >> 3 & 15);
}

static void store_key(uint32_t value) {
  if (is_cache_stale || access_control != DATA_CACHE) board_exit(79);
  static const uint32_t keys[2] = {0x45670123u, 0xCDEF89ABu};
  if (value != keys[right_keys]) board_exit(88); /* locked until the next reset */
  right_keys ^= 1;
  if (right_keys == 0) control &= ~LOCK;
}

void store_register(uint32_t offset, uint32_t value) {
  if (offset == KEYR) {
    store_key(value);
  } else if (offset == CR) {
    store_control(value);
  } else if (offset == SR) {
    errors &= ~value;
  } else if (offset == ACR) {
    store_access_control(value);
  } else {
    board_exit(89);
  }
}

uint32_t load_register(uint32_t offset) {
  if (offset == CR) return control;
  if (offset == ACR) return access_control;
  if (offset != SR) board_exit(89);
  if (busy == 0) return errors;
  --busy;
  return errors | BUSY;
}

void store_word(uint32_t* word, uint32_t value) {
  if ((control & (LOCK | PROGRAM)) != PROGRAM || busy != 0) {
    errors |= SEQUENCE_ERROR;
  } else if ((control >> 8 & 3) != 2) {
    errors |= PARALLELISM_ERROR;
  } else {
    program_once(word, value);
    busy = 2;
  }
}

void* board_port(mallorn_port* port) {
  static mallorn_stm32f4 flash;
  uint8_t* const regions[] = {slot_a, slot_b, meta_a, meta_b};
  static const uint8_t sectors[] = {5, 7, 2, 3};
  for (int i = 0; i < 4; ++i) {
    flash.address[i] = (uint32_t)(uintptr_t)regions[i];
    flash.first_sector[i] = sectors[i];
  }
  flash.sector_size_log2 = 17;
  port->read = mallorn_stm32f4_read;
  port->erase = mallorn_stm32f4_erase;
  port->program = mallorn_stm32f4_program;
  port->slot_size = 256 * 1024;
  port->erase_size = 128 * 1024;
  port->meta_size = 16 * 1024;
  port->write_size = 4;
  trap_flash(0x40023C00u, 10);
  return &flash;
}
