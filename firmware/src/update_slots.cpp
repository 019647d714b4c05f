// Phases of an update around the writing: what is in the slots, and what is recorded of it.
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

// Hashes on, up to 1 KiB: MALLORN_DONE with the digest at the window's beginning.
int hash_slot(mallorn_update& m, uint8_t slot, uint32_t length) {
  HashSpace& space = m.hash;
  if (m.at == 0) sha256_start(space.hash);
  const uint32_t end = least(length - m.at, kStepHashBytes) + m.at;
  while (m.at < end) {
    const uint32_t part = least(end - m.at, kWindowBytes);
    if (m.port->read(m.context, slot, m.at, space.window, part) != 0) {
      return MALLORN_E_FLASH_READ;
    }
    sha256_update(space.hash, space.window, part);
    m.at += part;
  }
  if (m.at < length) return MALLORN_MORE;
  sha256_finish(space.hash, space.window);
  return MALLORN_DONE;
}

bool is_digest(const mallorn_update& m, const uint8_t* digest) {
  return is_same(m.hash.window, digest, kDigestBytes);
}

// Reads what is not needed, or only to be hashed: up to `length` bytes in all, 1 KiB at a
// time.
int pass_over(mallorn_update& m, uint32_t length) {
  HashSpace& space = m.hash;
  const uint32_t end = least(length - m.at, kStepHashBytes) + m.at;
  while (m.at < end) {
    const uint32_t wanted = least(end - m.at, kWindowBytes);
    const int32_t got = m.port->patch_read(m.context, space.window, wanted);
    if (got == 0) return MALLORN_WANT_INPUT;
    if (got < 0 || static_cast<uint32_t>(got) > wanted) return MALLORN_E_PATCH_READ;
    sha256_update(space.hash, space.window, static_cast<uint32_t>(got));
    m.at += static_cast<uint32_t>(got);
  }
  return m.at < length ? MALLORN_MORE : MALLORN_DONE;
}

}  // namespace

uint8_t new_slot(const mallorn_update& m) {
  return is_in_place(*m.port) ? m.slot : static_cast<uint8_t>(m.slot ^ 1);
}

int step_base(mallorn_update& m) {
  const int status = hash_slot(m, m.slot, m.base_bytes);
  if (status != MALLORN_DONE) return status;
  if (!is_digest(m, PatchFront{m.hash.message.header}.base_digest())) return MALLORN_E_BASE;
  return begin_body(m);
}

int begin_body(mallorn_update& m) {
  sha256_start(m.hash.hash);
  return go_to(m, m.port->patch_seek != nullptr ? Phase::body : Phase::skip);
}

int step_body(mallorn_update& m) {
  const int status = pass_over(m, m.body_bytes);
  if (status != MALLORN_DONE) return status;
  sha256_finish(m.hash.hash, m.hash.window);
  if (!is_digest(m, PatchFront{m.hash.message.header}.body_digest())) return MALLORN_E_BODY;
  if (m.port->patch_seek(m.context, m.front_bytes + m.resume_body) != 0) {
    return MALLORN_E_PATCH_SEEK;
  }
  return begin_decoding(m);
}

int step_skip(mallorn_update& m) {
  const int status = pass_over(m, m.resume_body);
  return status == MALLORN_DONE ? begin_decoding(m) : status;
}

int step_result(mallorn_update& m) {
  int status = hash_slot(m, new_slot(m), m.result_bytes);
  if (status != MALLORN_DONE) return status;
  if (!is_digest(m, m.result_digest)) return drop_and_fail(m, MALLORN_E_RESULT);
  Record* const record = m.hash.record;
  status = m.log.reload(record);
  if (status != MALLORN_DONE) return status;
  record->trial = kWaiting;
  record->journal = kFree;
  record->tries = m.policy->tries;
  record->trial_release = m.release;
  record->resume_result = 0;
  record->length[new_slot(m)] = m.result_bytes;
  copy_bytes(record->digest[new_slot(m)], m.result_digest, kDigestBytes);
  return go_to(m, Phase::trial);
}

int step_trial(mallorn_update& m) {
  const int status = m.log.append(m.hash.record);
  return status == MALLORN_DONE ? go_to(m, Phase::done) : status;
}

// Looks up the slot in use; from there on it is hashed as a base is.
int step_verify(mallorn_update& m) {
  Record* const record = m.hash.record;
  if (m.result_bytes == 0 && m.at == 0) {
    const int status = m.log.load(m.port, m.context, &record[0], &record[1]);
    if (status != MALLORN_DONE) return status;
    m.slot = slot_of(*m.port, *record);
    m.base_bytes = record->length[m.slot];
    if (m.base_bytes > m.port->slot_size) return MALLORN_E_SLOT;
    copy_bytes(m.result_digest, record->digest[m.slot], kDigestBytes);
  }
  const int status = hash_slot(m, m.slot, m.base_bytes);
  if (status != MALLORN_DONE) return status;
  return is_digest(m, m.result_digest) ? go_to(m, Phase::done) : MALLORN_E_SLOT;
}

int drop_and_fail(mallorn_update& m, int error) {
  if (!m.has_checkpoint || is_in_place(*m.port)) return error;
  const int status = m.log.reload(m.hash.record);
  if (status != MALLORN_DONE) return error;
  m.hash.record->resume_result = 0;
  m.error = static_cast<int8_t>(error);
  return go_to(m, Phase::drop);
}

int step_drop(mallorn_update& m) {
  const int status = m.log.append(m.hash.record);
  return status == MALLORN_MORE ? status : m.error;
}

}  // namespace mallorn::firmware
