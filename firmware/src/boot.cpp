// What happens at boot and to trials: each is one record at most.
#include "firmware/include/mallorn.h"
#include "firmware/src/little_endian.hpp"
#include "firmware/src/sha256.hpp"
#include "firmware/src/slot_log.hpp"
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

struct Hashing {
  Sha256 hash;
  uint8_t window[kWindowBytes];
};

struct BootSpace {
  SlotLog log;
  Record record;
  Record other;
  union {
    Hashing hashing;
    uint8_t state[whole_words(kKeptBytes, kMaxWordBytes)];
  };
};
static_assert(sizeof(BootSpace) <= sizeof(mallorn_update), "in the same memory");

// A state that the record has goes with it. One that cannot be read is no loss but of work,
// unless it is needed.
int append(BootSpace& space) {
  Record& record = space.record;
  const uint8_t* state = nullptr;
  int status = MALLORN_MORE;
  if (record.resume_result != 0 && record.state_at != 0) {
    status = space.log.read_state(record, space.state, kKeptBytes);
    if (status == MALLORN_DONE) {
      state = space.state;
    } else if (record.journal != kFree) {
      return status;
    } else {
      record.resume_result = 0;
    }
  }
  do {
    status = space.log.append(&record, state, kKeptBytes);
  } while (status == MALLORN_MORE);
  return status;
}

void describe(const Record& record, uint8_t slot, bool is_trial, mallorn_boot_info* info) {
  info->slot = slot;
  info->is_trial = is_trial ? 1 : 0;
  info->tries_left = info->is_trial != 0 ? record.tries : 0;
  info->is_rolled_back = 0;
  info->length = record.length[slot];
  info->release = record.release;
  copy_bytes(info->digest, record.digest[slot], 32);
}

// A confirmation may have been cut short between the record and the counter of the port.
int catch_up_counter(const mallorn_port* port, void* context, uint32_t release) {
  if (port->counter_get == nullptr || port->counter_raise == nullptr) return MALLORN_DONE;
  uint32_t counter = 0;
  if (port->counter_get(context, &counter) != 0) return MALLORN_E_COUNTER;
  if (counter >= release) return MALLORN_DONE;
  return port->counter_raise(context, release) == 0 ? MALLORN_DONE : MALLORN_E_COUNTER;
}

// Takes one try away, or ends the trial that has none left.
bool count_try(Record& record) {
  const bool has_try = record.tries > 0;
  record.trial = has_try ? kRunning : kNone;
  if (has_try) --record.tries;
  return has_try;
}

int hash_model(BootSpace& space, const mallorn_port* port, void* context, uint8_t slot,
               uint32_t length) {
  Hashing& hashing = space.hashing;
  sha256_start(hashing.hash);
  for (uint32_t at = 0; at < length;) {
    const uint32_t part = least(length - at, kWindowBytes);
    if (port->read(context, slot, at, hashing.window, part) != 0) {
      return MALLORN_E_FLASH_READ;
    }
    sha256_update(hashing.hash, hashing.window, part);
    at += part;
  }
  sha256_finish(hashing.hash, space.record.digest[slot]);
  return MALLORN_DONE;
}

}  // namespace
}  // namespace mallorn::firmware

using namespace mallorn::firmware;

int mallorn_boot(const mallorn_port* port, void* context, void* work, size_t work_size,
                 mallorn_boot_info* info) {
  if (info == nullptr || !is_work(port, work, work_size)) return MALLORN_E_ARGUMENT;
  auto& space = *static_cast<BootSpace*>(work);
  Record& record = space.record;
  int status = space.log.load(port, context, &record, &space.other);
  if (status != MALLORN_DONE) return status;
  describe(record, record.active, false, info);
  const bool is_trial = record.trial != kNone;
  const bool is_tried = is_trial && count_try(record);
  if (is_trial || space.log.is_uncertain()) status = append(space);
  if (status != MALLORN_DONE) return status;
  if (record.journal != kFree) return MALLORN_E_UNFINISHED;
  if (is_tried) describe(record, slot_of(*port, record), true, info);
  info->is_rolled_back = is_trial && !is_tried ? 1 : 0;
  return catch_up_counter(port, context, record.release);
}

int mallorn_confirm(const mallorn_port* port, void* context, void* work, size_t work_size) {
  if (!is_work(port, work, work_size)) return MALLORN_E_ARGUMENT;
  auto& space = *static_cast<BootSpace*>(work);
  Record& record = space.record;
  int status = space.log.load(port, context, &record, &space.other);
  if (status != MALLORN_DONE) return status;
  if (record.trial != kRunning) return MALLORN_E_NO_TRIAL;
  record.trial = kNone;
  if (!is_in_place(*port)) record.active ^= 1;
  if (record.release < record.trial_release) record.release = record.trial_release;
  status = append(space);
  return status == MALLORN_DONE ? catch_up_counter(port, context, record.release) : status;
}

int mallorn_reject(const mallorn_port* port, void* context, void* work, size_t work_size) {
  if (!is_work(port, work, work_size)) return MALLORN_E_ARGUMENT;
  auto& space = *static_cast<BootSpace*>(work);
  const int status = space.log.load(port, context, &space.record, &space.other);
  if (status != MALLORN_DONE) return status;
  if (space.record.trial == kNone) return MALLORN_E_NO_TRIAL;
  space.record.trial = kNone;
  return append(space);
}

int mallorn_provision(const mallorn_port* port, void* context, void* work, size_t work_size,
                      uint8_t slot, uint32_t length, uint32_t release) {
  if (!is_work(port, work, work_size) || slot > MALLORN_SLOT_B ||
      (is_in_place(*port) && slot != MALLORN_SLOT_A) || length > port->slot_size) {
    return MALLORN_E_ARGUMENT;
  }
  auto& space = *static_cast<BootSpace*>(work);
  Record& record = space.record;
  record = Record{};
  record.active = slot;
  record.release = release;
  record.length[slot] = length;
  int status = hash_model(space, port, context, slot, length);
  if (status != MALLORN_DONE) return status;
  // What was before must not win over the new record, wherever it is.
  if (port->erase(context, MALLORN_META_B, 0) != 0) return MALLORN_E_FLASH_ERASE;
  space.log.start(port, context);
  return append(space);
}
