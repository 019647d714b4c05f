/* What a C program needs where there is no library. */
#include <stddef.h>
#include <stdint.h>

#include "firmware/qemu/board.h"

#define PAINT 0xA5u

void* memcpy(void* to, const void* from, size_t length) {
  uint8_t* t = to;
  const uint8_t* f = from;
  while (length-- > 0) *t++ = *f++;
  return to;
}

void* memmove(void* to, const void* from, size_t length) {
  uint8_t* t = to;
  const uint8_t* f = from;
  if (t < f) return memcpy(to, from, length);
  while (length-- > 0) t[length] = f[length];
  return to;
}

void* memset(void* to, int value, size_t length) {
  uint8_t* t = to;
  while (length-- > 0) *t++ = (uint8_t)value;
  return to;
}

int memcmp(const void* a, const void* b, size_t length) {
  const uint8_t* x = a;
  const uint8_t* y = b;
  for (; length > 0; --length, ++x, ++y) {
    if (*x != *y) return *x < *y ? -1 : 1;
  }
  return 0;
}

extern uint8_t bss_begin[], bss_end[], data_begin[], data_end[];
extern const uint8_t data_load[];

void start(void);
void start(void) {
  for (uint8_t* at = bss_begin; at < bss_end; ++at) *at = 0;
  const uint8_t* from = data_load;
  for (uint8_t* at = data_begin; at < data_end; ++at) *at = *from++;
  board_exit(demo());
}

/* Semihosting: operation and argument; by the architecture. */
uintptr_t semihost(uintptr_t operation, const void* argument);

void board_print(const char* text) { semihost(0x04, text); }

void board_print_hex(const uint8_t* bytes, uint32_t length) {
  static const char digits[] = "0123456789abcdef";
  char text[3] = {0, 0, 0};
  for (uint32_t i = 0; i < length; ++i) {
    text[0] = digits[bytes[i] >> 4];
    text[1] = digits[bytes[i] & 15];
    board_print(text);
  }
}

void board_print_number(const char* name, uint32_t value) {
  static const uint32_t powers[] = {100000, 10000, 1000, 100, 10, 1};
  char text[2] = {0, 0};
  int is_begun = 0;
  board_print(name);
  for (uint32_t i = 0; i < 6; ++i) {
    text[0] = '0';
    while (value >= powers[i]) {
      value -= powers[i];
      ++text[0];
    }
    is_begun |= text[0] != '0' || i == 5;
    if (is_begun) board_print(text);
  }
  board_print("\n");
}

void board_exit(int code) {
  const uintptr_t block[2] = {0x20026, (uintptr_t)code};
  semihost(0x20, block);
  for (;;) {
  }
}

static uint32_t patch_at;

int32_t patch_piece(void* to, uint32_t length, int has_pauses) {
  static uint32_t piece;
  piece = (piece + 17) & 63;
  if (piece < 3 && has_pauses) return 0;
  const uint32_t left = (uint32_t)(patch_end - patch_begin) - patch_at;
  uint32_t count = piece < 3 ? 1 : piece - 2;
  if (count > left) count = left;
  if (count > length) count = length;
  memcpy(to, patch_begin + patch_at, count);
  patch_at += count;
  return (int32_t)count;
}

void patch_go_to(uint32_t offset) { patch_at = offset; }

/* These read what docs/format/patch.md says of the header. */
uint32_t patch_result_length(void) {
  uint32_t length;
  memcpy(&length, patch_begin + 102, sizeof length);
  return length;
}

uint32_t journal_for_patch(const mallorn_port* port, uint32_t blocks) {
  if ((patch_begin[9] & 4) == 0) return 0;
  const uint32_t lag = (uint32_t)(patch_begin[11] & 127) << (patch_begin[9] >> 3);
  uint32_t size = blocks * port->erase_size;
  while (size - port->erase_size < lag) size += port->erase_size;
  return size;
}

void paint_stack(void) {
  for (uint8_t* at = stack_limit; at < (uint8_t*)board_stack_pointer() - 32; ++at) *at = PAINT;
}
uint32_t used_stack(void) {
  const uint8_t* at = stack_limit;
  while (*at == PAINT) ++at;
  return (uint32_t)((uint8_t*)board_stack_pointer() - at);
}

int is_failed(const char* what, int status) {
  if (status == MALLORN_DONE) return 0;
  board_print(what);
  board_print(": ");
  board_print(mallorn_status_name(status));
  board_print("\n");
  return 1;
}
