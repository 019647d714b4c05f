/* Applies patch.bin to base.bin, files of the host as flash: that processors make the same of all patches,
 * whatever the sizes. The result is result.bin; prints the status. */
#include <string.h>

#include "firmware/qemu/board.h"

/* Semihosting: operation and argument. */
uintptr_t semihost(uintptr_t operation, const void* argument);
enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, SEEK = 0x0A };
enum { READ_BINARY = 1, MAKE_BINARY = 7 };

static uint64_t work[MALLORN_WORK_SIZE / 8];
static uintptr_t files[2]; /* by region: base, result */
static uintptr_t patch;

static uintptr_t open_file(const char* name, uintptr_t length, uintptr_t mode) {
  const uintptr_t block[3] = {(uintptr_t)name, mode, length};
  return semihost(OPEN, block);
}

/* READ or WRITE; returns how many bytes are missing. */
static uint32_t transfer(uintptr_t operation, uintptr_t file, const void* bytes, uint32_t length) {
  const uintptr_t block[3] = {file, (uintptr_t)bytes, length};
  return (uint32_t)semihost(operation, block);
}

static int at(uintptr_t operation, uintptr_t file, uint32_t offset, const void* bytes, uint32_t length) {
  const uintptr_t block[2] = {file, offset};
  return semihost(SEEK, block) == 0 && transfer(operation, file, bytes, length) == 0 ? 0 : -1;
}

static int read_file(void* context, uint8_t region, uint32_t offset, void* to, uint32_t length) {
  (void)context;
  return at(READ, files[region], offset, to, length);
}

static int program_file(void* context, uint8_t region, uint32_t offset, const void* from, uint32_t length) {
  (void)context;
  return at(WRITE, files[region], offset, from, length);
}

static int erase_nothing(void* context, uint8_t region, uint32_t offset) {
  (void)context;
  (void)region;
  (void)offset;
  return 0;
}

static int32_t read_patch(void* context, void* to, uint32_t length) {
  (void)context;
  return (int32_t)(length - transfer(READ, patch, to, length));
}

int demo(void) {
  mallorn_port port;
  memset(&port, 0, sizeof port);
  port.read = read_file;
  port.erase = erase_nothing;
  port.program = program_file;
  port.patch_read = read_patch;
  port.slot_size = 1u << 30;
  port.erase_size = 4096;
  port.write_size = 1;
  files[MALLORN_SLOT_A] = open_file("base.bin", 8, READ_BINARY);
  files[MALLORN_SLOT_B] = open_file("result.bin", 10, MAKE_BINARY);
  patch = open_file("patch.bin", 9, READ_BINARY);
  const int status = mallorn_apply(&port, NULL, work, sizeof work, MALLORN_SLOT_A);
  board_print("status: ");
  board_print(mallorn_status_name(status));
  board_print("\n");
  return 0;
}
