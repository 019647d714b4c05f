/* An update through many resets, each in the middle of what flash does: what the simulator of
 * firmware/sim tries on the host, here with the instructions and the flash controller of a device.
 * Prints what it finds. Words are whole or not written: the emulator tears none. */
#include "firmware/qemu/board.h"

#define ALIVE 0x4D4C5055u
#define CUTS 24u
#define NEVER 0xFFFFFFFFu

/* Outlasts a reset. */
static struct {
  uint32_t alive;  /* ALIVE, once the factory is done */
  uint32_t cuts;
  uint32_t left;   /* erases and words until the next one */
  uint32_t random;
} kept __attribute__((section(".noinit")));

static mallorn_port flash;
static uint64_t work[MALLORN_WORK_SIZE / 8];
static uint32_t patch_at;

static void arm_cut(void) {
  kept.random = kept.random * 1664525u + 1013904223u;
  kept.left = kept.cuts < CUTS ? 1 + (kept.random >> 20) : NEVER;
}

static void count(void) {
  if (kept.left == NEVER || --kept.left != 0) return;
  ++kept.cuts;
  board_reset();
}

static int erase(void* context, uint8_t region, uint32_t offset) {
  count();
  return flash.erase(context, region, offset);
}

static int program(void* context, uint8_t region, uint32_t offset, const void* from,
                   uint32_t length) {
  for (uint32_t at = 0; at < length; at += flash.write_size) {
    count();
    const uint8_t* word = (const uint8_t*)from + at;
    if (flash.program(context, region, offset + at, word, flash.write_size) != 0) return -1;
  }
  return 0;
}

static int32_t read_patch(void* context, void* to, uint32_t length) {
  (void)context;
  const uint32_t left = (uint32_t)(patch_end - patch_begin) - patch_at;
  uint8_t* const bytes = to;
  if (length > left) length = left;
  for (uint32_t i = 0; i < length; ++i) bytes[i] = patch_begin[patch_at++];
  return (int32_t)length;
}

static int seek_patch(void* context, uint32_t offset) {
  (void)context;
  patch_at = offset;
  return 0;
}

static int fail(const char* what, int status) {
  board_print(what);
  board_print(": ");
  board_print(mallorn_status_name(status));
  board_print("\n");
  return 1;
}

static int step(mallorn_update* m) {
  int status = MALLORN_MORE;
  while (status > MALLORN_DONE) status = mallorn_step(m);
  return status;
}

int demo(void) {
  mallorn_port port = {0};
  mallorn_boot_info info;
  mallorn_update* m = NULL;
  static const mallorn_policy policy = {NULL, 0, 255, 0, NULL};
  void* const context = board_port(&flash);
  port = flash;
  port.erase = erase;
  port.program = program;
  port.patch_read = read_patch;
  port.patch_seek = seek_patch;
  port.journal_size = journal_for_patch(&port, 3);
  if (kept.alive != ALIVE) {
    const uint32_t length = (uint32_t)(base_end - base_begin);
    kept.left = NEVER;
    const int status =
        mallorn_provision(&port, context, work, sizeof work, MALLORN_SLOT_A, length, 0);
    if (status != MALLORN_DONE) return fail("provision", status);
    kept.alive = ALIVE;
    kept.cuts = kept.random = 0;
  }
  for (;;) {
    arm_cut();
    int status = mallorn_boot(&port, context, work, sizeof work, &info);
    if (status != MALLORN_DONE && status != MALLORN_E_UNFINISHED) return fail("boot", status);
    if (status == MALLORN_DONE && info.is_trial) break;
    status = mallorn_init(&m, work, sizeof work, &port, context, &policy);
    if (status == MALLORN_DONE) status = step(m);
    if (status != MALLORN_DONE) return fail("update", status);
  }
  kept.left = NEVER;
  int status = mallorn_init(&m, work, sizeof work, &port, context, &policy);
  if (status == MALLORN_DONE) status = mallorn_verify(m);
  if (status == MALLORN_DONE) status = step(m);
  if (status != MALLORN_DONE) return fail("verify", status);
  board_print_number("cuts: ", kept.cuts);
  board_print("sha256: ");
  board_print_hex(info.digest, sizeof info.digest);
  board_print("\n");
  return 0;
}
