// What happens at boot and to trials: each is one record at most.
#include "firmware/src/update.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

// The state that the record has goes with it. One that cannot be read is no loss but of
// work, unless it is needed.
int append_with_state(mallorn_update& m) {
  const bool has_state = m.record.resume_result != 0 && m.record.state_bytes != 0;
  if (has_state && (!kHasStates || !read_state(m))) return forget_checkpoint(m);
  return append_now(m);
}

// Makes `work` an update that knows the newest record, but has no phase.
int look_up(const mallorn_port* port, void* context, void* work, size_t work_size) {
  const int status = start(port, context, work, work_size);
  return status == MALLORN_DONE ? load_log(*static_cast<mallorn_update*>(work)) : status;
}

// The model to use: that in the slot that has been confirmed, or that on trial.
void describe(const mallorn_update& m, mallorn_boot_info* info) {
  const Record& record = *mallorn::anchor(&m.record);
  const uint8_t slot = slot_of(m);
  info->slot = slot;
  info->is_trial = record.trial != kNone ? 1 : 0;
  info->tries_left = record.trial != kNone ? record.tries : 0;
  info->length = record.length[slot];
  info->release = record.release;
  copy_bytes(info->digest, record.digest[slot], 32);
}

// A confirmation may have been cut short between the record and the counter of the port.
int catch_up_counter(const mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  void* const context = m.flash.context;
  const uint32_t release = m.record.release;
  if (port.counter_get == nullptr || port.counter_raise == nullptr) return MALLORN_DONE;
  uint32_t counter = 0;
  if (port.counter_get(context, &counter) != 0) return MALLORN_E_COUNTER;
  if (counter >= release) return MALLORN_DONE;
  return port.counter_raise(context, release) == 0 ? MALLORN_DONE : MALLORN_E_COUNTER;
}

// Takes one try away, or ends the trial that has none left.
void count_try(Record& record) {
  record.trial = kNone;
  if (record.tries == 0) return;
  record.trial = kRunning;
  --record.tries;
}

int hash_model(mallorn_update& m, uint8_t slot, uint32_t length) {
  HashSpace& space = m.hash;
  sha256_start(space.hash);
  auto left = static_cast<int32_t>(length);
  for (bool is_last = false; !is_last; left -= kSha256Block) {
    const uint32_t at = space.hash.length;
    if (at < length) {
      const uint32_t part = least(length - at, kSha256Block);
      const int status = m.flash.read(place_in(slot, at), space.hash.block(), part);
      if (status != MALLORN_DONE) return status;
    }
    sha256_block(space.hash, left);
    is_last = is_last_sha256(left);
  }
  copy_bytes(m.record.digest[slot], sha256_digest(space.hash), kDigestBytes);
  return MALLORN_DONE;
}

}  // namespace
}  // namespace mallorn::firmware

using namespace mallorn::firmware;

int mallorn_boot(const mallorn_port* port, void* context, void* work, size_t work_size,
                 mallorn_boot_info* info) {
  if (info == nullptr) return MALLORN_E_ARGUMENT;
  int status = look_up(port, context, work, work_size);
  if (status != MALLORN_DONE) return status;
  auto& m = *static_cast<mallorn_update*>(work);
  Record& record = m.record;
  const uint8_t trial = record.trial;
  if (trial != kNone) count_try(record);
  info->is_rolled_back = trial != kNone && record.trial == kNone ? 1 : 0;
  if (trial != kNone || m.log.uncertain != 0) status = append_with_state(m);
  // A try that is not recorded is none.
  if (status != MALLORN_DONE) record.trial = kNone;
  describe(m, info);
  // Also where that could not be recorded anew: there is no model.
  if (is_unfinished(m)) return MALLORN_E_UNFINISHED;
  return status == MALLORN_DONE ? catch_up_counter(m) : status;
}

int mallorn_confirm(const mallorn_port* port, void* context, void* work, size_t work_size) {
  int status = look_up(port, context, work, work_size);
  if (status != MALLORN_DONE) return status;
  auto& m = *static_cast<mallorn_update*>(work);
  Record& record = m.record;
  if (record.trial != kRunning) return MALLORN_E_NO_TRIAL;
  record.active = slot_of(m);
  record.trial = kNone;
  if (record.release < record.trial_release) record.release = record.trial_release;
  status = append_with_state(m);
  return status == MALLORN_DONE ? catch_up_counter(m) : status;
}

int mallorn_reject(const mallorn_port* port, void* context, void* work, size_t work_size) {
  const int status = look_up(port, context, work, work_size);
  if (status != MALLORN_DONE) return status;
  auto& m = *static_cast<mallorn_update*>(work);
  if (m.record.trial == kNone) return MALLORN_E_NO_TRIAL;
  m.record.trial = kNone;
  return append_with_state(m);
}

int mallorn_provision(const mallorn_port* port, void* context, void* work, size_t work_size,
                      uint8_t slot, uint32_t length, uint32_t release) {
  if (start(port, context, work, work_size) != MALLORN_DONE || slot > MALLORN_SLOT_B ||
      (is_in_place(*port) && slot != MALLORN_SLOT_A) || length > port->slot_size) {
    return MALLORN_E_ARGUMENT;
  }
  auto& m = *static_cast<mallorn_update*>(work);
  Record& record = m.record;
  record = Record{};
  record.active = slot;
  record.release = release;
  record.length[slot] = length;
  int status = hash_model(m, slot, length);
  if (status != MALLORN_DONE) return status;
  // What was before must not win over the new record, wherever it is.
  status = m.flash.erase(place_in(MALLORN_META_B, 0));
  if (status != MALLORN_MORE) return status;
  start_log(m);
  return append_now(m);
}
