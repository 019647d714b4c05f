/* A life in short: the factory, an update that comes in pieces, the boot into the new model, its
 * confirmation, the next boot. Prints what it finds, and how much stack it took. A patch that is made
 * to be applied in place makes it a device with one slot. */
#include <string.h>

#include "firmware/qemu/board.h"

static uint64_t work[MALLORN_WORK_SIZE / 8];

static int32_t read_patch(void* context, void* to, uint32_t length) {
  (void)context;
  return patch_piece(to, length, 1);
}

static int seek_patch(void* context, uint32_t offset) {
  (void)context;
  patch_go_to(offset);
  return 0;
}

/* Steps until the update is done, or, if `to_header`, the patch is trusted. */
static int step(mallorn_update* m, int to_header) {
  for (;;) {
    uint32_t done = 0;
    uint32_t total = 0;
    const int status = mallorn_step(m);
    if (status <= MALLORN_DONE) return status;
    mallorn_progress(m, &done, &total);
    if (to_header && total != 0) return status;
  }
}

static int update(const mallorn_port* port, void* context, const mallorn_policy* policy) {
  mallorn_update* m = NULL;
  paint_stack();
  int status = mallorn_init(&m, work, sizeof work, port, context, policy);
  if (status == MALLORN_DONE) status = step(m, 1);
  board_print_number("stack, signature: ", used_stack());
  if (status != MALLORN_MORE) return status;
  paint_stack();
  status = step(m, 0);
  board_print_number("stack, streaming: ", used_stack());
  return status;
}

int demo(void) {
  mallorn_port port;
  mallorn_boot_info info;
  memset(&port, 0, sizeof port);
  void* const context = board_port(&port);
  port.patch_read = read_patch;
  port.patch_seek = seek_patch;
  port.verify = mallorn_verify_ed25519;
  port.journal_size = journal_for_patch(&port, 1);
  const uint8_t new_slot = port.journal_size != 0 ? MALLORN_SLOT_A : MALLORN_SLOT_B;
  const mallorn_policy policy = {(const uint8_t(*)[32])key_begin, 1, 3, 0, NULL};
  const uint32_t length = (uint32_t)(base_end - base_begin);

  if (is_failed("provision", mallorn_provision(&port, context, work, sizeof work,
                                               MALLORN_SLOT_A, length, 0)) ||
      is_failed("boot", mallorn_boot(&port, context, work, sizeof work, &info)) ||
      is_failed("update", update(&port, context, &policy)) ||
      is_failed("boot", mallorn_boot(&port, context, work, sizeof work, &info))) {
    return 1;
  }
  if (info.slot != new_slot || !info.is_trial || info.tries_left != 2) return 2;
  if (is_failed("confirm", mallorn_confirm(&port, context, work, sizeof work)) ||
      is_failed("boot", mallorn_boot(&port, context, work, sizeof work, &info))) {
    return 3;
  }
  if (info.slot != new_slot || info.is_trial) return 4;
  mallorn_update* m = NULL;
  if (is_failed("init", mallorn_init(&m, work, sizeof work, &port, context, &policy)) ||
      is_failed("verify", mallorn_verify(m)) || is_failed("verify", step(m, 0))) {
    return 5;
  }
  board_print_number("work: ", (uint32_t)mallorn_min_work_size());
  board_print("sha256: ");
  board_print_hex(info.digest, sizeof info.digest);
  board_print("\n");
  return 0;
}
