/* mallorn.h: updates of models on devices, in 1,024 bytes of memory.
 *
 * A device has two slots, each with room for one model, and two metadata sectors that say
 * which slot is in use. An update decodes a patch of profile `lite` from the slot in use
 * into the other; the device tries the new model, and confirms it or falls back. Power may
 * fail at any moment: the device comes back with a whole model, and the update goes on
 * where it was.
 *
 *   at boot:    mallorn_boot()            -> which slot to use
 *   to update:  mallorn_init(), then mallorn_step() until it is neither MORE nor
 * WANT_INPUT; restart; if the new model does its work: mallorn_confirm()
 *
 * The device gives a table of functions (mallorn_port). Nothing is kept but in the memory
 * that the caller passes in. C99, no library needed but memcpy, memmove, memset and memcmp.
 */
#ifndef MALLORN_H
#define MALLORN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All that the patcher keeps: context, buffers, models, digests, signature. The memory must
 * be aligned to 8 bytes: uint64_t work[MALLORN_WORK_SIZE / 8]. Between calls of different
 * functions but mallorn_init() .. mallorn_step() it may be used for anything. (A number for
 * the compiler, not for #if.) */
#define MALLORN_WORK_SIZE (sizeof(void*) <= 4 ? 1024u : 1280u)

/* What functions return: a result from 0 on, or an error below 0. Errors are final: an
 * update that failed must be begun again by mallorn_init(). */
typedef enum mallorn_status {
  MALLORN_DONE = 0, /* finished */
  MALLORN_MORE = 1, /* call mallorn_step() again */
  MALLORN_WANT_INPUT =
      2, /* call mallorn_step() again once patch_read() has bytes to give */

  MALLORN_E_ARGUMENT = -1,    /* a pointer, size or limit that cannot be */
  MALLORN_E_STATE = -2,       /* a function was called at the wrong time */
  MALLORN_E_FLASH_READ = -3,  /* port: read() failed */
  MALLORN_E_FLASH_ERASE = -4, /* port: erase() failed */
  MALLORN_E_FLASH_PROGRAM =
      -5, /* port: program() failed, or what it wrote reads differently */
  MALLORN_E_PATCH_READ = -6, /* port: patch_read() failed */
  MALLORN_E_PATCH_SEEK = -7, /* port: patch_seek() failed */
  MALLORN_E_COUNTER = -8,    /* port: counter_get() or counter_raise() failed */
  MALLORN_E_MAGIC = -9,      /* not a patch */
  MALLORN_E_VERSION = -10,   /* a patch of a version that is not known here */
  MALLORN_E_HEADER = -11,    /* the header is damaged or contradicts itself */
  MALLORN_E_PROFILE = -12,   /* a patch, but not of profile lite */
  MALLORN_E_FEATURE = -13,   /* needs something that this decoder does not have */
  MALLORN_E_KEY = -14,       /* not signed, or the policy has no key */
  MALLORN_E_SIGNATURE = -15, /* signed, but not by a key of the policy */
  MALLORN_E_MODEL = -16,     /* made for another model */
  MALLORN_E_RELEASE = -17,   /* older than what has been confirmed here */
  MALLORN_E_SIZE = -18,      /* the result does not fit the slot */
  MALLORN_E_BASE = -19,      /* not made for the model in the slot in use */
  MALLORN_E_BODY = -20,      /* the body is not the one that the header names */
  MALLORN_E_CODED = -21,     /* the body does not decode */
  MALLORN_E_RESULT = -22,    /* the new slot does not hold what the header promises */
  MALLORN_E_TRIAL = -23,     /* a trial goes on: confirm or reject it first */
  MALLORN_E_NO_TRIAL = -24,  /* there is nothing to confirm or to reject */
  MALLORN_E_NO_SLOT = -25,   /* no metadata: mallorn_provision() has never been finished */
  MALLORN_E_SLOT = -26,      /* a slot does not hold what its record says */
  MALLORN_E_CHECKPOINT =
      -27, /* what was kept of an interrupted update is not good; with two slots it is
              dropped: begin again */
  MALLORN_E_IN_PLACE =
      -28, /* one slot: the patch is not made to be applied in place, or not for erase
              blocks of this length */
  MALLORN_E_UNFINISHED = -29, /* one slot: an update has begun to overwrite the model, and
                                 must be finished, with the same patch */
  MALLORN_E_JOURNAL = -30     /* one slot: the patch needs a longer journal */
} mallorn_status;

/* "MALLORN_E_BASE" and the like; "?" for other numbers. */
const char* mallorn_status_name(int status);

/* Regions of flash. Offsets count from the beginning of each. With one slot (journal_size)
 * that is MALLORN_SLOT_A, and the journal is in place of the other: by the same number, so
 * that a switch names one of them. */
enum { MALLORN_SLOT_A = 0, MALLORN_SLOT_B = 1, MALLORN_META_A = 2, MALLORN_META_B = 3,
       MALLORN_JOURNAL = 1 };

/* A signature to be checked; see mallorn_port.verify. */
typedef struct mallorn_check {
  const uint8_t* key;       /* 32 bytes */
  const uint8_t* signature; /* 64 bytes */
  const uint8_t* message;
  uint32_t message_length;
  /* Aligned to 4 bytes. Stays as it is between calls for the same signature. */
  void* scratch;
  uint32_t scratch_size; /* what mallorn_verify_ed25519 takes, at least */
  uint8_t is_begun; /* 0 at the first call for a signature, 1 later */
} mallorn_check;

/* What the device provides; may be const, in flash. Functions return 0, or below 0 if they
 * failed, unless said otherwise. `context` is what was given to mallorn_init() and others.
 */
typedef struct mallorn_port {
  /* Reads any range of a region. A range that cannot be read (ECC) is a failure. */
  int (*read)(void* context, uint8_t region, uint32_t offset, void* to, uint32_t length);
  /* Makes one erase block of a slot, or a whole metadata sector, all ones. */
  int (*erase)(void* context, uint8_t region, uint32_t offset);
  /* Writes whole words, erased before and not written since: offset and length are
   * multiples of write_size, length is at most 128. They are read back behind it. */
  int (*program)(void* context, uint8_t region, uint32_t offset, const void* from,
                 uint32_t length);
  /* The next bytes of the patch, 1 .. length of them: returns how many. 0: none yet. */
  int32_t (*patch_read)(void* context, void* to, uint32_t length);

  /* Optional, but needed with one slot. Where patch_read() goes on, counted from the first
   * byte of the patch. With it the whole patch is checked before the first erase, and an
   * interrupted update goes on where it was without reading what is before. */
  int (*patch_seek)(void* context, uint32_t offset);
  /* Optional: a counter that attackers cannot turn back. Without it the counter is as safe
   * as the flash. */
  int (*counter_get)(void* context, uint32_t* counter);
  int (*counter_raise)(void* context, uint32_t counter);
  /* Checks a signature: MALLORN_DONE if it is good, MALLORN_MORE to be called again, below
   * 0 if it is not good. mallorn_verify_ed25519, or hardware. NULL: signatures are not
   * checked, and anyone who can reach the device can change its model. */
  int (*verify)(void* context, mallorn_check* check);

  uint32_t slot_size;  /* bytes of a slot: a multiple of erase_size, below 2^30 */
  uint32_t erase_size; /* bytes of an erase block of a slot: a multiple of 128 */
  uint32_t meta_size;  /* bytes of a metadata sector: at least 128 and a word */
  uint32_t write_size; /* bytes of a word: 1, 2, 4, 8, 16 or 32 */
  /* 0: there are two slots. Otherwise there is one, MALLORN_SLOT_A, which patches made with
   * --in-place overwrite block by block; MALLORN_JOURNAL has as many bytes, a multiple of
   * erase_size. It holds new blocks until the slot has them, and keeps as many of the old
   * ones, less one, from being overwritten: one is enough; more live longer, and take the
   * smaller patches that are made with --journal. */
  uint32_t journal_size;
} mallorn_port;

/* What updates are taken. Must stay where it is during an update. */
typedef struct mallorn_policy {
  const uint8_t (*keys)[32]; /* public keys, of which one is enough */
  uint8_t key_count;
  uint8_t tries; /* boots that a new model has before it must be confirmed: 1 or more */
  uint8_t model_id_length; /* 0: any model */
  const uint8_t* model_id;
} mallorn_policy;

typedef struct mallorn_update mallorn_update;

/* At least so many bytes of work are needed; never more than MALLORN_WORK_SIZE. */
size_t mallorn_min_work_size(void);

/* Begins an update: *m lies in `work`, or is NULL with MALLORN_E_ARGUMENT, where something
 * of the port, the policy or the work is not as it has to be: `work` is too small or not
 * aligned for pointers, a function is missing, or a size breaks its rule. The patch is read
 * from its first byte on, also when an interrupted update is taken up. */
int mallorn_init(mallorn_update** m, void* work, size_t work_size, const mallorn_port* port,
                 void* context, const mallorn_policy* policy);
/* Does a little of the update: one erase, one page, one record (five pages with the state of
 * the decoder), a slice of a signature, or 64 bytes hashed; once, it reads the metadata.
 * MALLORN_DONE: the new model is whole and will be tried from the next boot on. */
int mallorn_step(mallorn_update* m);
/* Instead of an update: from now on mallorn_step() compares the slot in use with its
 * digest. Fails where metadata do not tell of one. */
int mallorn_verify(mallorn_update* m);
/* Gives the update up, and what has been written of it. MALLORN_E_UNFINISHED: with one slot,
 * too late. */
int mallorn_abort(mallorn_update* m);
/* Bytes of the result that are written, and that there will be (0 while not known). */
void mallorn_progress(const mallorn_update* m, uint32_t* done, uint32_t* total);

/* What mallorn_boot() finds. */
typedef struct mallorn_boot_info {
  uint8_t slot;           /* MALLORN_SLOT_A or MALLORN_SLOT_B: the one to use */
  uint8_t is_trial;       /* it is on trial: confirm it once it has done its work */
  uint8_t tries_left;     /* boots that it has after this one */
  uint8_t is_rolled_back; /* a trial has just ended without being confirmed */
  uint32_t length;        /* bytes of the model */
  uint32_t release;       /* release that has been confirmed last */
  uint8_t digest[32];     /* SHA-256 of the model */
} mallorn_boot_info;

/* To be called once after each reset, before the model is used. Where it fails with another
 * error than MALLORN_E_NO_SLOT, MALLORN_E_UNFINISHED and MALLORN_E_ARGUMENT, the slot in
 * `info` may be used still: it is the last one that was confirmed, or with MALLORN_E_COUNTER
 * the one on trial.
 * With one slot there is no way back: a trial that ends leaves the model where it is, and
 * the release as it was. MALLORN_E_UNFINISHED: there is no model until the update is done.
 */
int mallorn_boot(const mallorn_port* port, void* context, void* work, size_t work_size,
                 mallorn_boot_info* info);
/* The new model is good: it stays, and releases before it are refused from now on. */
int mallorn_confirm(const mallorn_port* port, void* context, void* work, size_t work_size);
/* It is not: the next boot uses the other slot again, if there is one. */
int mallorn_reject(const mallorn_port* port, void* context, void* work, size_t work_size);
/* In the factory: says that the first `length` bytes of `slot` are the model to begin with.
 * Forgets all that was before. */
int mallorn_provision(const mallorn_port* port, void* context, void* work, size_t work_size,
                      uint8_t slot, uint32_t length, uint32_t release);

/* For devices whose boot loader has slots, trials and signatures of its own; instead of all
 * functions above, and linked only where it is named. Applies a patch in one call: from the
 * model in region `base`, MALLORN_SLOT_A or MALLORN_SLOT_B, into the other one. Both digests
 * of the header are checked, before the first erase and at the end; no signature is, no model
 * id and no release. After a power cut it must be called again, and begins anew: the base is
 * only read. Flash that does not keep what is written ends it with MALLORN_E_RESULT, or with
 * MALLORN_E_CODED if the patch reads there what it has made. The port needs read, erase,
 * program, patch_read, which gives a byte at least or fails, slot_size, erase_size and
 * write_size. Feed a watchdog in its functions. Of the arguments only the pointers to port
 * and work and its size are checked: what a port must hold, it takes for granted. */
int mallorn_apply(const mallorn_port* port, void* context, void* work, size_t work_size,
                  uint8_t base);

/* For mallorn_port.verify: our own verifier. Linked only where it is named. */
int mallorn_verify_ed25519(void* context, mallorn_check* check);

#ifdef __cplusplus
}
#endif

#endif
