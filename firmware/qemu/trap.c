#include "firmware/qemu/trap.h"

#include <string.h>

#include "firmware/qemu/board.h"

/* ARMv7-M Architecture Reference Manual, B3.2 and B3.5. */
#define REGISTER(address) (*(volatile uint32_t*)(address))
#define SHCSR REGISTER(0xE000ED24u)
#define CFSR REGISTER(0xE000ED28u)
#define MMFAR REGISTER(0xE000ED34u)
#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RASR REGISTER(0xE000EDA0u)
#define MEMORY_FAULTS (1u << 16)
#define ENABLED 1u
#define REST_AS_EVER 4u
#define REGION_IS 0x10u
#define READ_ONLY (6u << 24)
#define NOT_EXECUTED (1u << 28)

#define FLASH_SIZE_LOG2 20u

extern const uint8_t data_load[]; /* behind the code */

static uint32_t first_register;

static void protect(uint32_t region, uint32_t begin, uint32_t size_log2, uint32_t access) {
  MPU_RBAR = begin | REGION_IS | region;
  MPU_RASR = access | (size_log2 - 1) << 1 | ENABLED;
}

void trap_flash(uint32_t registers, uint32_t size_log2) {
  first_register = registers;
  protect(0, 0, FLASH_SIZE_LOG2, READ_ONLY);
  protect(1, registers, size_log2, NOT_EXECUTED);
  SHCSR |= MEMORY_FAULTS;
  MPU_CTRL = REST_AS_EVER | ENABLED;
}

void program_once(uint32_t* word, uint32_t value) {
  if (*word != 0xFFFFFFFFu) board_exit(81);
  *word = value;
}

void erase_bytes(uint32_t offset, uint32_t length) {
  if (offset < (uint32_t)(uintptr_t)data_load) board_exit(82); /* this program is there */
  memset((void*)(uintptr_t)offset, 0xFF, length);
}

/* Of what was interrupted: r0 to r3, r12, lr, pc in `frame`, r4 to r11 in `kept`. */
static uint32_t* register_at(uint32_t* frame, uint32_t* kept, uint32_t number) {
  if (number < 4) return &frame[number];
  if (number < 12) return &kept[number - 4];
  if (number != 12 && number != 14) board_exit(83);
  return &frame[number == 12 ? 4 : 5];
}

static void access(uint32_t address, uint32_t* value, int is_load) {
  if (address >> FLASH_SIZE_LOG2 == 0) {
    store_word((uint32_t*)(uintptr_t)address, *value);
  } else if (is_load) {
    *value = load_register(address - first_register);
  } else {
    store_register(address - first_register, *value);
  }
}

/* Loads and stores of words as the compiler makes them: LDR and STR, register (T1) and immediate (T1, T3, T4).
 * Others, as those of bytes, are not for flash. */
void trapped(uint32_t* frame, uint32_t* kept);
void trapped(uint32_t* frame, uint32_t* kept) {
  const uint16_t* code = (const uint16_t*)(uintptr_t)frame[6];
  const int is_short = (code[0] & 0xF600) == 0x5000 || (code[0] & 0xF000) == 0x6000;
  const int is_indexed = (code[0] & 0xFFE0) == 0xF840;
  if (!is_short && !is_indexed && (code[0] & 0xFFE0) != 0xF8C0) board_exit(84);
  const int is_load = (code[0] & (is_short ? 0x800 : 0x10)) != 0;
  MPU_CTRL = 0;
  access(MMFAR, register_at(frame, kept, is_short ? code[0] & 7 : code[1] >> 12), is_load);
  MPU_CTRL = REST_AS_EVER | ENABLED;
  if (is_indexed && (code[1] & 0x100) != 0) {
    const uint32_t moved = code[1] & 255u;
    *register_at(frame, kept, code[0] & 15) += (code[1] & 0x200) != 0 ? moved : 0u - moved;
  }
  frame[6] += is_short ? 2 : 4;
  CFSR = CFSR; /* ones clear */
}

/* On a stack of its own, so that the application's shows what the application takes. */
uint32_t trap_stack[64];
void memory_trap(void) __attribute__((naked));
void memory_trap(void) {
  __asm volatile(
      "mov r0, sp\n"
      "ldr r1, =trap_stack + 256\n"
      "mov sp, r1\n"
      "push {r0, lr}\n"
      "push {r4-r11}\n"
      "mov r1, sp\n"
      "bl trapped\n"
      "pop {r4-r11}\n"
      "pop {r0, lr}\n"
      "mov sp, r0\n"
      "bx lr\n");
}
