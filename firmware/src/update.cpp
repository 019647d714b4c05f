// The C API of updates: one step at a time through the phases.
#include "firmware/src/update.hpp"

#include "firmware/src/little_endian.hpp"

static_assert(sizeof(mallorn_update) <= MALLORN_WORK_SIZE, "all that is kept has room");

namespace mallorn::firmware {
namespace {

using Step = int (*)(mallorn_update& m);

// In the order of Phase.
constexpr Step kSteps[] = {
    step_header,
    step_signature,
    step_accept,
    step_base,
    step_body,
    step_result,
    step_verify,
    step_decode,
    step_flush,
    step_checkpoint,
    kHasOneSlot ? step_copy : nullptr,
    append_record,
};
static_assert(sizeof kSteps / sizeof kSteps[0] == static_cast<size_t>(Phase::done), "all");

bool is_word_size(uint32_t size) {
  return size != 0 && size <= 32 && (size & (size - 1)) == 0;
}

// Devices with one slot need states.
uint32_t least_meta_size(const mallorn_port& port) {
  return entry_bytes(port, is_in_place(port) ? kStateBytes : 0);
}

bool is_port(const mallorn_port* port) {
  return port != nullptr && port->read != nullptr && port->erase != nullptr &&
         port->program != nullptr && is_word_size(port->write_size) &&
         port->erase_size >= kPageBytes && port->erase_size % kPageBytes == 0 &&
         (port->slot_size | port->meta_size | port->journal_size) >> kOffsetBits == 0 &&
         port->slot_size != 0 && port->meta_size >= least_meta_size(*port) &&
         (rest_of(port->slot_size, port->erase_size) |
          rest_of(port->journal_size, port->erase_size)) == 0 &&
         (kHasOneSlot || port->journal_size == 0);
}

bool is_policy(const mallorn_policy* policy) {
  return policy != nullptr && policy->tries > 0 &&
         (policy->key_count == 0 || policy->keys != nullptr) &&
         (policy->model_id_length == 0 || policy->model_id != nullptr);
}

}  // namespace

int start(const mallorn_port* port, void* context, void* work, size_t work_size) {
  if (!is_port(port) || work == nullptr ||
      (reinterpret_cast<uintptr_t>(work) & (alignof(mallorn_update) - 1)) != 0 ||
      work_size < sizeof(mallorn_update)) {
    return MALLORN_E_ARGUMENT;
  }
  static_cast<mallorn_update*>(work)->flash = {port, context};
  return MALLORN_DONE;
}

uint8_t slot_of(const mallorn_update& m) {
  const Record& record = m.record;
  const bool is_other = record.trial == kRunning && !is_in_place(*m.flash.port);
  return static_cast<uint8_t>(is_other ? record.active ^ 1 : record.active);
}

uint32_t rest_of(uint32_t number, uint32_t length) {
  while (number >= length) number -= length;
  return number;
}

int read_patch(mallorn_update& m, uint8_t* to, uint32_t length) {
  const int32_t got = m.flash.port->patch_read(m.flash.context, to, length);
  if (got == 0) return MALLORN_WANT_INPUT;
  // Errors are too many, too.
  if (static_cast<uint32_t>(got) > length) return MALLORN_E_PATCH_READ;
  m.at += static_cast<uint32_t>(got);
  return MALLORN_MORE;
}

int append_now(mallorn_update& m) {
  int status = MALLORN_MORE;
  while (status == MALLORN_MORE) status = append_record(m);
  return status;
}

int forget_checkpoint(mallorn_update& m) {
  if (is_unfinished(m)) return MALLORN_E_UNFINISHED;
  if (m.record.resume_result == 0) return MALLORN_DONE;
  m.record.resume_result = m.record.state_bytes = 0;
  return append_now(m);
}

}  // namespace mallorn::firmware

using namespace mallorn::firmware;

size_t mallorn_min_work_size(void) { return sizeof(mallorn_update); }

int mallorn_init(mallorn_update** m, void* work, size_t work_size, const mallorn_port* port,
                 void* context, const mallorn_policy* policy) {
  if (m == nullptr) return MALLORN_E_ARGUMENT;
  *m = nullptr;  // which mallorn_step() refuses
  if (start(port, context, work, work_size) != MALLORN_DONE ||
      port->patch_read == nullptr || !is_policy(policy) ||
      (is_in_place(*port) && port->patch_seek == nullptr)) {
    return MALLORN_E_ARGUMENT;
  }
  auto* const update = static_cast<mallorn_update*>(work);
  update->policy = policy;
  update->verdict = MALLORN_E_KEY;
  update->lengths.result_bytes = update->written = 0;
  update->phase = Phase::header;
  update->at = 0;
  *m = update;
  return MALLORN_DONE;
}

int mallorn_step(mallorn_update* m) {
  if (m == nullptr) return MALLORN_E_ARGUMENT;
  const auto phase = static_cast<int>(m->phase);
  if (phase < 0) return phase;
  if (m->phase == Phase::done) return MALLORN_DONE;
  int status = kSteps[phase](*m);
  if (status < -kForget) {
    status += kForget;
    forget_checkpoint(*m);
  }
  if (status < 0) m->phase = static_cast<Phase>(status);
  if (status == MALLORN_DONE) status = go_to(m->phase) + 1;
  if (status < kGoTo) return status;
  m->phase = static_cast<Phase>(status - kGoTo);
  m->at = 0;
  return MALLORN_MORE;
}

void mallorn_progress(const mallorn_update* m, uint32_t* done, uint32_t* total) {
  *done = m->written;
  *total = m->lengths.result_bytes;
}

int mallorn_verify(mallorn_update* m) {
  if (m == nullptr) return MALLORN_E_ARGUMENT;
  // Of a new update both are 0.
  if ((static_cast<uint32_t>(m->phase) | m->at) != 0) return MALLORN_E_STATE;
  const int status = load_log(*m);
  if (status != MALLORN_DONE) return status;
  m->slot = slot_of(*m);
  m->lengths.base_bytes = m->record.length[m->slot];
  if (m->lengths.base_bytes > m->flash.port->slot_size) return MALLORN_E_SLOT;
  m->phase = Phase::verify;
  return MALLORN_DONE;
}

int mallorn_abort(mallorn_update* m) {
  if (m == nullptr) return MALLORN_E_ARGUMENT;
  if (m->phase == Phase::done) return MALLORN_E_STATE;
  m->phase = static_cast<Phase>(MALLORN_E_STATE);
  const int status = load_log(*m);
  return status == MALLORN_DONE ? forget_checkpoint(*m) : status;
}
