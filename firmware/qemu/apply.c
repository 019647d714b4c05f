/* A patch applied in one call, as a device does whose boot loader has the rest. Prints what it finds:
 * the digest is that of the new slot, as boot has it once the factory has been told of that. */
#include <string.h>

#include "firmware/qemu/board.h"

static uint64_t work[MALLORN_WORK_SIZE / 8];
static uint32_t patch_at;

/* Pieces of 1 to 64 bytes. */
static int32_t read_patch(void* context, void* to, uint32_t length) {
  static uint32_t piece;
  (void)context;
  piece = (piece + 17) & 63;
  const uint32_t left = (uint32_t)(patch_end - patch_begin) - patch_at;
  uint32_t count = piece + 1;
  if (count > left) count = left;
  if (count > length) count = length;
  memcpy(to, patch_begin + patch_at, count);
  patch_at += count;
  return (int32_t)count;
}

int demo(void) {
  mallorn_port port;
  mallorn_boot_info info;
  memset(&port, 0, sizeof port);
  void* const context = board_port(&port);
  port.patch_read = read_patch;
  paint_stack();
  const int status = mallorn_apply(&port, context, work, sizeof work, MALLORN_SLOT_A);
  board_print_number("stack, streaming: ", used_stack());
  uint32_t length;
  memcpy(&length, patch_begin + 102, sizeof length);
  if (is_failed("apply", status) ||
      is_failed("provision", mallorn_provision(&port, context, work, sizeof work,
                                               MALLORN_SLOT_B, length, 0)) ||
      is_failed("boot", mallorn_boot(&port, context, work, sizeof work, &info))) {
    return 1;
  }
  board_print("sha256: ");
  board_print_hex(info.digest, sizeof info.digest);
  board_print("\n");
  return 0;
}
