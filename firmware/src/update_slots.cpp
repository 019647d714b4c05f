// Phases of an update around the writing: what is in the slots, and what is recorded of it.
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

// Of what is hashed, in the order of phases, if it is something else.
constexpr int8_t kErrors[] = {MALLORN_E_BASE, MALLORN_E_BODY, and_forget(MALLORN_E_RESULT),
                              MALLORN_E_SLOT};

constexpr uint8_t kPatch = 4;  // a region of its own, for hash_on()

// Hashes on: reads what there is of a block, or takes one that is there. Of `length` bytes
// of a slot, or of the patch. MALLORN_DONE at their end, if their digest is `expected`, or
// that is nullptr; else the phase's error.
int hash_on(mallorn_update& m, uint8_t region, uint32_t length, const uint8_t* expected) {
  HashSpace& space = m.hash;
  if (m.at == 0) sha256_start(space.hash);
  const uint32_t at = m.at;
  const uint32_t begin = space.hash.length;
  const uint32_t end = least(length, begin + kSha256Block);
  if (at < end) {
    uint8_t* const to = space.hash.block() + (at - begin);
    if (region == kPatch) return read_patch(m, to, end - at);
    m.at = end;
    const int status = m.flash.read(place_in(region, at), to, end - at);
    return status == MALLORN_DONE ? MALLORN_MORE : status;
  }
  const auto left = static_cast<int32_t>(length - begin);
  sha256_block(space.hash, left);
  if (!is_last_sha256(left)) return MALLORN_MORE;
  if (expected == nullptr || is_same(sha256_digest(space.hash), expected, kDigestBytes)) {
    return MALLORN_DONE;
  }
  return kErrors[static_cast<uint8_t>(m.phase) - static_cast<uint8_t>(Phase::base)];
}

}  // namespace

uint32_t is_overwritten(const mallorn_update& m) {
  return is_in_place(*m.flash.port) ? m.record.resume_result : 0;
}

int step_base(mallorn_update& m) {
  return hash_on(m, m.slot, m.lengths.base_bytes,
                 PatchFront{m.hash.message.header}.base().digest());
}

int step_body(mallorn_update& m) {
  const mallorn_port* const port = m.flash.port;
  const bool is_read_twice = port->patch_seek != nullptr;
  uint32_t length = m.record.resume_body;
  const uint8_t* digest = nullptr;
  if (is_read_twice) {
    length = m.body_bytes;
    digest = PatchFront{m.hash.message.header}.body_digest();
  }
  const int status = hash_on(m, kPatch, length, digest);
  if (status != MALLORN_DONE) return status;
  if (is_read_twice &&
      port->patch_seek(m.flash.context, m.front_bytes + m.record.resume_body) != 0) {
    return MALLORN_E_PATCH_SEEK;
  }
  return begin_decoding(m);
}

int step_result(mallorn_update& m) {
  const int status = hash_on(m, m.new_slot, m.lengths.result_bytes, m.result_digest);
  if (status != MALLORN_DONE) return status;
  Record& record = m.record;
  record.trial = kWaiting;
  record.tries = m.policy->tries;
  record.trial_release = m.release;
  record.resume_result = record.state_bytes = 0;
  record.length[m.new_slot] = m.lengths.result_bytes;
  copy_bytes(record.digest[m.new_slot], m.result_digest, kDigestBytes);
  return go_to(Phase::trial);
}

int step_verify(mallorn_update& m) {
  const int status = hash_on(m, m.slot, m.lengths.base_bytes, m.record.digest[m.slot]);
  return status == MALLORN_DONE ? go_to(Phase::done) : status;
}

}  // namespace mallorn::firmware
