// What an update keeps, all of it: struct mallorn_update.
//
//   header -> signature -> accept -> base -> body
//     -> checkpoint -> decode <-> flush <-> checkpoint (<-> copy) -> result -> trial
//     -> done
//
// Each phase does its work in steps that are bounded; phases that follow each other share
// memory.
#pragma once

#include "firmware/include/mallorn.h"
#include "firmware/src/ed25519.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/sha256.hpp"
#include "firmware/src/slot_log.hpp"
#include "mallorn-apply/core/lite_decoder.hpp"

struct mallorn_update;

namespace mallorn::firmware {

inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

// One below 0 is none any more: it is the error that the update has failed with.
enum class Phase : int8_t {
  header,      // read it
  signature,   // read a signature block, check it by each key
  accept,      // model, release, lengths; the log
  base,        // hash the slot in use
  body,        // hash it, where the patch can be read twice; else skip what is done
  result,      // hash the new slot
  verify,      // instead of an update: hash the slot in use
  decode,      // into a page
  flush,       // the page into the new slot, or the journal
  checkpoint,  // record that the update may be taken up here; also before all else
  copy,        // in place: a block from the journal to where it belongs
  trial,       // record it
  done,
};

constexpr uint32_t kDomainBytes = 35;  // sign.md, section 4
constexpr uint32_t kWindowBytes = 240;
constexpr uint32_t kPageBytes = 128;
constexpr uint32_t kInputBytes = 112;

// The domain, then the header: what is signed, as soon as the count of signatures is 0.
struct Message {
  alignas(uint32_t) uint8_t padding;  // so that the header is aligned
  uint8_t domain[kDomainBytes];
  uint8_t header[kHeaderMaxBytes];
};
static_assert(offsetof(Message, header) % sizeof(uint32_t) == 0);

struct CheckSpace {
  Message message;
  Ed25519 scratch;
};

// While the log is read.
struct LogSpace {
  Record record;
  uint8_t window[kWindowBytes];  // of its state, or its seal
};

struct HashSpace {
  Message message;
  union {
    Sha256 hash;
    LogSpace log;
  };
};

// The log keeps the decoder as the state of an update: whole words, however long those are.
constexpr uint32_t kStateBytes = whole_words(sizeof(apply::LiteDecoder), kMaxWordBytes);

struct DecodeSpace {
  union {
    apply::LiteDecoder decoder;
    uint8_t state[kStateBytes];
  };
  uint8_t buffers[kInputBytes + kPageBytes];  // input, page
};

// Steps of phases. Each returns go_to(), MALLORN_MORE, MALLORN_WANT_INPUT, or an error;
// MALLORN_DONE: the next phase is to begin. That of a trial is append_record().
int step_header(mallorn_update& m);
int step_signature(mallorn_update& m);
int step_accept(mallorn_update& m);
int step_base(mallorn_update& m);
int step_body(mallorn_update& m);
int step_result(mallorn_update& m);
int step_verify(mallorn_update& m);
int step_decode(mallorn_update& m);
int step_flush(mallorn_update& m);
int step_checkpoint(mallorn_update& m);
int step_copy(mallorn_update& m);

// What a step returns, for mallorn_step(): more is to be done, in this phase, from its
// beginning.
constexpr int kGoTo = 16;
constexpr int go_to(Phase phase) { return kGoTo + static_cast<int>(phase); }
// Or an error, before which the checkpoint is to be forgotten, so that what is wrong with
// it is not taken up again.
constexpr int kForget = 64;
constexpr int and_forget(int error) { return error - kForget; }
// The record that must be there before a slot is changed, and be it that of a checkpoint,
// again, is in m.record.
int begin_decoding(mallorn_update& m);

// Whether there is one slot only.
inline bool is_in_place(const mallorn_port& port) {
  return kHasOneSlot && port.journal_size != 0;
}

// Whether a metadata sector has room for a record with a state.
bool has_room_for_state(const mallorn_port& port);

// Which slot the model is in that is to be used.
uint8_t slot_of(const mallorn_update& m);

// In place: the slot has begun to be overwritten, and has no model until that is done.
uint32_t is_overwritten(const mallorn_update& m);
inline bool is_unfinished(const mallorn_update& m) {
  return kHasOneSlot && is_overwritten(m) != 0;
}

// What is left of a number by a length. (No division: devices lack it.)
uint32_t rest_of(uint32_t number, uint32_t length);

// Makes an update, whose phase is none yet, of the memory; MALLORN_E_ARGUMENT if the port
// can not be, or the memory does not suffice.
int start(const mallorn_port* port, void* context, void* work, size_t work_size);

// Reads the next bytes of the patch, at most `length`, and adds to m.at how many:
// MALLORN_MORE if there were any.
int read_patch(mallorn_update& m, uint8_t* to, uint32_t length);

// Writes m.record, in as many steps as it takes.
int append_now(mallorn_update& m);
// Writes it without the checkpoint that it has; MALLORN_E_UNFINISHED if there is no model
// without that.
int forget_checkpoint(mallorn_update& m);

}  // namespace mallorn::firmware

// What is reached most is at the beginning, bytes before words: small processors have short
// instructions for that.
struct mallorn_update {
  mallorn::firmware::Flash flash;
  mallorn::firmware::Phase phase;
  uint8_t slot;             // in use
  uint8_t new_slot;         // that the result is for
  uint8_t signature_count;  // that have not been read yet
  uint8_t key;              // of the policy, that is looked at
  int8_t verdict;           // of the check that was last: MALLORN_E_KEY before the first
  mallorn::firmware::SlotLog log;
  const mallorn_policy* policy;
  uint32_t at;           // how far a phase has come
  uint32_t front_bytes;  // header and signatures
  uint32_t release;
  uint32_t written;     // bytes of the new slot, or of what the journal has for it
  uint32_t erased;      // it is blank from `written` to here
  uint32_t journal_at;  // in place: where the journal has what is copied next
  mallorn::apply::LiteLengths lengths;
  uint32_t body_bytes;
  union {
    mallorn::firmware::Record record;  // that was written last, or will be next
    uint8_t block_of_signature[mallorn::firmware::kSignatureBlockBytes];  // before that
  };
  uint8_t result_digest[mallorn::firmware::kDigestBytes];
  union {
    mallorn::firmware::CheckSpace check;
    mallorn::firmware::HashSpace hash;
    mallorn::firmware::DecodeSpace decode;
  };
};
