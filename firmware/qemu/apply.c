/* A patch applied in one call, as a device does whose boot loader has the rest. Prints what it finds:
 * the digest is that of the new slot, as boot has it once the factory has been told of that. */
#include <string.h>

#include "firmware/qemu/board.h"

static uint64_t work[MALLORN_WORK_SIZE / 8];

static int32_t read_patch(void* context, void* to, uint32_t length) {
  (void)context;
  return patch_piece(to, length, 0);
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
  if (is_failed("apply", status) ||
      is_failed("provision", mallorn_provision(&port, context, work, sizeof work,
                                               MALLORN_SLOT_B, patch_result_length(), 0)) ||
      is_failed("boot", mallorn_boot(&port, context, work, sizeof work, &info))) {
    return 1;
  }
  board_print("sha256: ");
  board_print_hex(info.digest, sizeof info.digest);
  board_print("\n");
  return 0;
}
