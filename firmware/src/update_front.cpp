// Phases of an update that come before the slots are looked at: is the patch to be trusted,
// is it for this device?
#include "firmware/src/update.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

constexpr char kDomain[] = "Mallorn patch signature, version 0";
static_assert(sizeof kDomain == kDomainBytes, "its NUL is signed, too");

uint8_t* header_of(mallorn_update& m) { return anchor(+m.check.message.header); }

int fault_of_release(mallorn_update& m, uint32_t confirmed) {
  uint32_t counter = 0;
  const mallorn_port& port = *m.flash.port;
  if (port.counter_get != nullptr && port.counter_get(m.flash.context, &counter) != 0) {
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
  m.lengths.base_bytes = front.base().length();
  m.lengths.result_bytes = front.result().length();
  m.body_bytes = front.body_bytes();
  m.lengths.features = front.features();
  copy_bytes(m.result_digest, front.result().digest(), kDigestBytes);
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
  if (!is_this_update(m, front)) {
    if (is_unfinished(m)) return MALLORN_E_UNFINISHED;
    record.resume_result = record.resume_body = record.copied = 0;
    copy_bytes(record.update_id, front.body_digest(), sizeof record.update_id);
  }
  m.written = record.resume_result;
  // With one slot there may be no base any more.
  return go_to(is_unfinished(m) ? Phase::body : Phase::base);
}

// With one slot. Blocks of the device must be made of whole blocks of the patch, and the
// journal must be as long as its lag and one: what the patch still reads of the base is
// then what the device still has.
int fault_of_blocks(const mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  const uint32_t log2 = in_place_log2(m.lengths.features);
  if (log2 == 0 || (port.erase_size & ((1u << log2) - 1)) != 0) return MALLORN_E_IN_PLACE;
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
  if (status != MALLORN_DONE) return status;
  if (m.at == kHeaderFixedBytes) {
    status = fault_of_begin(front);
    if (status != MALLORN_DONE) return status;
  }
  if (m.at < kHeaderFixedBytes || m.at < front.length()) return MALLORN_MORE;
  status = fault_of(front);
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
  const bool is_wanted = port.verify != nullptr && !m.is_trusted;
  if (m.signature_count == 0) {
    if (!is_wanted) return go_to(Phase::accept);
    return m.has_checked ? MALLORN_E_SIGNATURE : MALLORN_E_KEY;
  }
  if (m.at < kSignatureBlockBytes) {
    const int status =
        read_patch(m, m.block_of_signature + m.at, kSignatureBlockBytes - m.at);
    return status == MALLORN_DONE ? MALLORN_MORE : status;
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
  check.is_begun = m.is_check_begun ? 1 : 0;
  const int status = port.verify(m.flash.context, &check);
  m.has_checked = true;
  m.is_check_begun = status == MALLORN_MORE;
  if (m.is_check_begun) return MALLORN_MORE;
  m.is_trusted = status == MALLORN_DONE;
  ++m.key;
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
  status = fault_of_release(m, record.release);
  if (status != MALLORN_DONE) return status;
  if (m.lengths.result_bytes > port.slot_size) return MALLORN_E_SIZE;
  m.slot = record.active;
  m.new_slot = is_in_place(port) ? m.slot : m.slot ^ 1;
  if (m.lengths.base_bytes != record.length[m.slot] ||
      m.lengths.base_bytes > port.slot_size) {
    return MALLORN_E_BASE;
  }
  if (is_in_place(port)) status = fault_of_blocks(m);
  return status == MALLORN_DONE ? take_up(m, front) : status;
}

}  // namespace mallorn::firmware
