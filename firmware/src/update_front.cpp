// Phases of an update that come before the slots are looked at: is the patch to be trusted,
// is it for this device?
#include "firmware/src/update.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

constexpr char kDomain[] = "Mallorn patch signature, version 0";
static_assert(sizeof kDomain == kDomainBytes, "its NUL is signed, too");

uint8_t* header_of(mallorn_update& m) { return anchor(+m.check.message.header); }

int fault_of_release(const mallorn_update& m) {
  uint32_t counter = 0;
  const mallorn_port& port = *m.flash.port;
  if (port.counter_get != nullptr && port.counter_get(m.flash.context, &counter) != 0) {
    return MALLORN_E_COUNTER;
  }
  const bool is_older = m.release < m.record.release || m.release < counter;
  return is_older ? MALLORN_E_RELEASE : MALLORN_DONE;
}

bool is_model(const mallorn_policy& policy, const PatchFront& front) {
  if (policy.model_id_length == 0) return true;
  return policy.model_id_length == front.model_id_length() &&
         is_same(policy.model_id, front.model_id(), policy.model_id_length);
}

void keep_fields(mallorn_update& m, const PatchFront& front) {
  const PatchFile base = {anchor(front.base().bytes)};
  const PatchFile result = behind(base);
  m.lengths.base_bytes = base.length();
  m.lengths.result_bytes = result.length();
  m.lengths.features = front.features();
  m.release = front.release();
  m.body_bytes = front.body_bytes();
  copy_bytes(m.result_digest, result.digest(), kDigestBytes);
}

// Whether the record tells of this update, and it may be taken up there.
bool is_this_update(const mallorn_update& m, const PatchFront& front) {
  const Record& record = m.record;
  return is_same(record.update_id, front.body_digest(), sizeof record.update_id) &&
         record.resume_result != 0 && record.resume_result <= m.lengths.result_bytes &&
         record.resume_body <= m.body_bytes;
}

// Takes up the update that the record tells of, or begins this one.
int take_up(mallorn_update& m, const PatchFront& front) {
  Record& record = m.record;
  const bool has_no_base = is_unfinished(m);
  if (!is_this_update(m, front)) {
    if (has_no_base) return MALLORN_E_UNFINISHED;
    record.resume_result = record.resume_body = record.copied = 0;
    copy_bytes(record.update_id, front.body_digest(), sizeof record.update_id);
  }
  m.written = record.resume_result;
  return go_to(has_no_base ? Phase::body : Phase::base);
}

// With one slot. Blocks of the device must be made of whole blocks of the patch, and the
// journal must be as long as its lag and one: what the patch still reads of the base is
// then what the device still has.
int fault_of_blocks(const mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  const uint32_t log2 = in_place_log2(m.lengths.features);
  if (log2 == 0 || port.erase_size >> log2 << log2 != port.erase_size) {
    return MALLORN_E_IN_PLACE;
  }
  const uint32_t lag = in_place_lag(m.lengths.features) << log2;
  return lag <= port.journal_size - port.erase_size ? MALLORN_DONE : MALLORN_E_JOURNAL;
}

}  // namespace

int step_header(mallorn_update& m) {
  uint8_t* const header = header_of(m);
  const PatchFront front = {header};
  const bool has_begin = m.at >= kHeaderFixedBytes;
  const uint32_t length = has_begin ? front.length() : kHeaderFixedBytes;
  int status = read_patch(m, header + m.at, length - m.at);
  if (status != MALLORN_MORE || m.at < kHeaderFixedBytes) return status;
  status = fault_of(front, m.at);
  if (status != MALLORN_DONE) return status;
  copy_bytes(m.check.message.domain, reinterpret_cast<const uint8_t*>(kDomain),
             kDomainBytes);
  m.signature_count = static_cast<uint8_t>(front.signature_count());
  m.front_bytes = front.length() + kSignatureBlockBytes * front.signature_count();
  header[kSignatureCountOffset] = 0;
  m.key = 0;
  return go_to(Phase::signature);
}

// A key id is a hint that is not taken: to make that of each key would cost more code than
// to check each block by each key costs time.
int step_signature(mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  const int verdict = m.verdict;
  const bool is_wanted = port.verify != nullptr && verdict != MALLORN_DONE;
  if (m.signature_count == 0) return is_wanted ? verdict : go_to(Phase::accept);
  if (m.at < kSignatureBlockBytes) {
    return read_patch(m, m.block_of_signature + m.at, kSignatureBlockBytes - m.at);
  }
  if (!is_wanted || m.key == m.policy->key_count) {
    --m.signature_count;
    m.key = 0;
    return go_to(Phase::signature);
  }
  mallorn_check check;
  check.key = m.policy->keys[m.key];
  check.signature = m.block_of_signature + kKeyIdBytes;
  CheckSpace& space = *anchor(&m.check);
  check.message = space.message.domain;
  check.message_length = kDomainBytes + PatchFront{space.message.header}.length() - 4;
  check.scratch = &space.scratch;
  check.scratch_size = sizeof space.scratch;
  check.is_begun = verdict == MALLORN_MORE ? 1 : 0;
  int status = port.verify(m.flash.context, &check);
  if (status != MALLORN_MORE) {
    ++m.key;
    if (status != MALLORN_DONE) status = MALLORN_E_SIGNATURE;
  }
  m.verdict = static_cast<int8_t>(status);
  return MALLORN_MORE;
}

int step_accept(mallorn_update& m) {
  const PatchFront front = {header_of(m)};
  const mallorn_port& port = *m.flash.port;
  if (!is_model(*m.policy, front)) return MALLORN_E_MODEL;
  keep_fields(m, front);
  int status = load_log(m);
  if (status != MALLORN_DONE) return status;
  const Record& record = *anchor(&m.record);
  if (record.trial != kNone) return MALLORN_E_TRIAL;
  status = fault_of_release(m);
  if (status != MALLORN_DONE) return status;
  m.slot = record.active;
  m.new_slot = m.slot ^ 1;
  if (m.lengths.result_bytes > port.slot_size) return MALLORN_E_SIZE;
  if (m.lengths.base_bytes != record.length[m.slot] ||
      m.lengths.base_bytes > port.slot_size) {
    return MALLORN_E_BASE;
  }
  if (is_in_place(port)) {
    m.new_slot = m.slot;
    status = fault_of_blocks(m);
  }
  return status == MALLORN_DONE ? take_up(m, front) : status;
}

}  // namespace mallorn::firmware
