// Phases of an update that come before the slots are looked at: is the patch to be trusted,
// is it for this device?
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

constexpr char kDomain[] = "Mallorn patch signature, version 0";
static_assert(sizeof kDomain == kDomainBytes, "its NUL is signed, too");

PatchFront front_of(const Message& message) { return {message.header}; }

// Whether the block's key id is the first bytes of the SHA-256 of `key`.
bool has_id(CheckSpace& space, const uint8_t* key) {
  sha256_start(space.id.hash);
  sha256_update(space.id.hash, key, 32);
  sha256_finish(space.id.hash, space.id.digest);
  return is_same(space.id.digest, space.block, kKeyIdBytes);
}

int fault_of_release(mallorn_update& m, uint32_t confirmed) {
  uint32_t counter = 0;
  if (m.port->counter_get != nullptr && m.port->counter_get(m.context, &counter) != 0) {
    return MALLORN_E_COUNTER;
  }
  const bool is_older = m.release < confirmed || m.release < counter;
  return is_older ? MALLORN_E_RELEASE : MALLORN_DONE;
}

bool is_model(const mallorn_policy& policy, const PatchFront& front) {
  if (policy.model_id_length == 0) return true;
  return policy.model_id_length == front.model_id_length() &&
         is_same(policy.model_id, front.model_id(), policy.model_id_length);
}

void keep_fields(mallorn_update& m, const PatchFront& front) {
  m.release = front.release();
  m.base_bytes = front.base_bytes();
  m.result_bytes = front.result_bytes();
  m.body_bytes = front.body_bytes();
  m.in_place_log2 = static_cast<uint8_t>(front.in_place_log2());
  copy_bytes(m.update_id, front.body_digest(), sizeof m.update_id);
  copy_bytes(m.result_digest, front.result_digest(), kDigestBytes);
}

bool is_this_update(const mallorn_update& m, const Record& record) {
  return is_same(record.update_id, m.update_id, sizeof m.update_id) &&
         record.resume_result <= m.result_bytes && record.resume_body <= m.body_bytes;
}

// Takes up the update that the record tells of, if it is this one and has come so far.
void take_up(mallorn_update& m, const Record& record) {
  m.journal = is_in_place(*m.port) ? record.journal : static_cast<uint8_t>(kFree);
  m.has_checkpoint = record.resume_result != 0 && is_this_update(m, record) &&
                     is_in_place(*m.port) == (record.journal != kFree);
  m.written = m.has_checkpoint ? record.resume_result : 0;
  m.resume_body = m.has_checkpoint ? record.resume_body : 0;
}

// With one slot. Blocks of the device must be made of whole blocks of the patch: what the
// patch still reads of the base is then what the device still has.
int fault_in_place(const mallorn_update& m, const Record& record) {
  const uint32_t within = (1u << m.in_place_log2) - 1;
  if (m.in_place_log2 == 0 || (m.port->erase_size & within) != 0) {
    return MALLORN_E_IN_PLACE;
  }
  const bool is_other = record.journal != kFree && !is_this_update(m, record);
  return is_other ? MALLORN_E_UNFINISHED : MALLORN_DONE;
}

}  // namespace

int step_header(mallorn_update& m) {
  uint8_t* const header = m.check.message.header;
  const PatchFront front = front_of(m.check.message);
  const bool has_begin = m.at >= kHeaderFixedBytes;
  int status = read_patch(m, header, has_begin ? front.length() : kHeaderFixedBytes);
  if (status != MALLORN_DONE) return status;
  if (!has_begin) {
    status = front.begin_fault();
    if (status != MALLORN_DONE) return status;
    if (front.length() > kHeaderFixedBytes) return MALLORN_MORE;
  }
  status = front.fault();
  if (status != MALLORN_DONE) return status;
  copy_bytes(m.check.message.domain, reinterpret_cast<const uint8_t*>(kDomain),
             kDomainBytes);
  m.signature_count = static_cast<uint8_t>(front.signature_count());
  m.front_bytes = front.length() + kSignatureBlockBytes * front.signature_count();
  header[kSignatureCountOffset] = 0;
  m.key = 0;
  return go_to(m, Phase::signature);
}

// A key id is a hint: each block is tried with each key that has its id.
int step_signature(mallorn_update& m) {
  const bool is_wanted = m.port->verify != nullptr && !m.is_trusted;
  if (m.signature_count == 0) {
    if (!is_wanted) return go_to(m, Phase::accept);
    return m.is_key_known ? MALLORN_E_SIGNATURE : MALLORN_E_KEY;
  }
  uint8_t* const block = m.check.block;
  const int status = read_patch(m, block, kSignatureBlockBytes);
  if (status != MALLORN_DONE) return status;
  for (; is_wanted && m.key < m.policy->key_count; ++m.key) {
    if (!has_id(m.check, m.policy->keys[m.key])) continue;
    m.is_key_known = true;
    m.is_check_begun = false;
    m.phase = Phase::check;
    return MALLORN_MORE;
  }
  --m.signature_count;
  m.key = 0;
  return go_to(m, Phase::signature);
}

int step_check(mallorn_update& m) {
  mallorn_check check;
  check.key = m.policy->keys[m.key];
  check.signature = m.check.block + kKeyIdBytes;
  check.message = m.check.message.domain;
  check.message_length = kDomainBytes + front_of(m.check.message).length() - 4;
  check.scratch = &m.check.scratch;
  check.scratch_size = sizeof m.check.scratch;
  check.is_begun = m.is_check_begun ? 1 : 0;
  const int status = m.port->verify(m.context, &check);
  m.is_check_begun = true;
  if (status == MALLORN_MORE) return MALLORN_MORE;
  m.is_trusted = status == MALLORN_DONE;
  ++m.key;
  m.phase = Phase::signature;
  return MALLORN_MORE;
}

int step_accept(mallorn_update& m) {
  const PatchFront front = front_of(m.hash.message);
  Record* const record = m.hash.record;
  if (!is_model(*m.policy, front)) return MALLORN_E_MODEL;
  keep_fields(m, front);
  int status = m.log.load(m.port, m.context, &record[0], &record[1]);
  if (status != MALLORN_DONE) return status;
  if (record->trial != kNone) return MALLORN_E_TRIAL;
  status = fault_of_release(m, record->release);
  if (status != MALLORN_DONE) return status;
  if (m.result_bytes > m.port->slot_size) return MALLORN_E_SIZE;
  m.slot = record->active;
  if (m.base_bytes != record->length[m.slot] || m.base_bytes > m.port->slot_size) {
    return MALLORN_E_BASE;
  }
  if (is_in_place(*m.port)) {
    status = fault_in_place(m, *record);
    if (status != MALLORN_DONE) return status;
  }
  take_up(m, *record);
  if (!m.has_checkpoint) record->resume_result = 0;
  record->journal = m.journal;
  if (m.journal == kFree) return go_to(m, Phase::base);
  return begin_body(m);  // there is no base any more
}

}  // namespace mallorn::firmware
