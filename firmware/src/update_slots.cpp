// Phases of an update that read and write the slots.
#include <new>

#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

uint8_t new_slot(const mallorn_update& m) { return static_cast<uint8_t>(m.slot ^ 1); }

uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

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

bool read_base(void* context, uint32_t offset, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  return m.port->read(m.context, m.slot, offset, to, length) == 0;
}

bool read_result(void* context, uint32_t offset, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  return m.port->read(m.context, new_slot(m), offset, to, length) == 0;
}

int begin_decoding(mallorn_update& m) {
  DecodeSpace& space = *new (&m.decode) DecodeSpace;
  space.page = {space.page_bytes, kPageBytes, 0};
  space.input = {space.input_bytes, 0, 0};
  space.decoder.begin({read_base, read_result, &m},
                      {m.base_bytes, m.result_bytes, m.body_bytes},
                      {m.written, m.resume_body});
  m.is_complete = false;
  go_to(m, Phase::decode);
  m.at = m.resume_body;  // bytes of the body that have been read
  return MALLORN_MORE;
}

// Moves what is left of the input to its beginning and reads on behind it.
int read_input(mallorn_update& m) {
  apply::LiteInput& input = m.decode.input;
  uint8_t* const bytes = m.decode.input_bytes;
  const uint32_t left = input.size - input.used;
  copy_bytes(bytes, bytes + input.used, left);
  input.size = left;
  input.used = 0;
  const uint32_t wanted = least(m.body_bytes - m.at, kInputBytes - left);
  if (wanted == 0) return drop_and_fail(m, MALLORN_E_CODED);
  const int32_t got = m.port->patch_read(m.context, bytes + left, wanted);
  if (got == 0) return MALLORN_WANT_INPUT;
  if (got < 0 || static_cast<uint32_t>(got) > wanted) return MALLORN_E_PATCH_READ;
  input.size += static_cast<uint32_t>(got);
  m.at += static_cast<uint32_t>(got);
  return MALLORN_MORE;
}

// The update may go on from an erase block whose predecessors are written.
bool is_at_checkpoint(const mallorn_update& m) {
  return !m.is_complete && m.written == m.erased && m.decode.decoder.is_at_restart();
}

// The newest record, as it will be when the update stands here.
int make_checkpoint(mallorn_update& m, Record* record) {
  const int status = m.log.reload(record);
  if (status != MALLORN_DONE) return status;
  record->resume_result = m.written;
  record->resume_body = m.decode.decoder.place().body_offset;
  copy_bytes(record->update_id, m.update_id, sizeof m.update_id);
  return MALLORN_DONE;
}

}  // namespace

int step_base(mallorn_update& m) {
  const int status = hash_slot(m, m.slot, m.base_bytes);
  if (status != MALLORN_DONE) return status;
  if (!is_digest(m, PatchFront{m.hash.message.header}.base_digest())) return MALLORN_E_BASE;
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
  return go_to(m, Phase::claim);
}

int step_skip(mallorn_update& m) {
  const int status = pass_over(m, m.resume_body);
  return status == MALLORN_DONE ? go_to(m, Phase::claim) : status;
}

int step_claim(mallorn_update& m) {
  const int status = m.log.append(m.hash.record);
  return status == MALLORN_DONE ? begin_decoding(m) : status;
}

int step_decode(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  switch (space.decoder.step(&space.input, &space.page)) {
    case apply::LiteStep::more:
      return MALLORN_MORE;
    case apply::LiteStep::want_input:
      return read_input(m);
    case apply::LiteStep::done:
      m.is_complete = true;
      m.phase = Phase::flush;
      return MALLORN_MORE;
    case apply::LiteStep::page_full:
      m.phase = Phase::flush;
      return MALLORN_MORE;
    default:
      return drop_and_fail(m, MALLORN_E_CODED);
  }
}

// Erases the block that the page begins, if it does; then writes the page, in whole words.
int step_flush(mallorn_update& m) {
  apply::LitePage& page = m.decode.page;
  if (page.used > 0) {
    if (page.used > m.result_bytes - m.written) return drop_and_fail(m, MALLORN_E_CODED);
    if (m.written == m.erased) {
      m.erased += m.port->erase_size;
      const int status = m.port->erase(m.context, new_slot(m), m.written);
      return status == 0 ? MALLORN_MORE : MALLORN_E_FLASH_ERASE;
    }
    uint32_t length = page.used;
    while ((length & (m.port->write_size - 1u)) != 0) page.data[length++] = 0xFF;
    if (m.port->program(m.context, new_slot(m), m.written, page.data, length) != 0) {
      return MALLORN_E_FLASH_PROGRAM;
    }
    m.written += page.used;
    page.used = 0;
  }
  if (m.is_complete) {
    return m.written == m.result_bytes ? go_to(m, Phase::result)
                                       : drop_and_fail(m, MALLORN_E_CODED);
  }
  m.phase = Phase::decode;
  if (!is_at_checkpoint(m)) return MALLORN_MORE;
  m.phase = Phase::checkpoint;
  return make_checkpoint(m, reinterpret_cast<Record*>(page.data)) == MALLORN_DONE
             ? MALLORN_MORE
             : MALLORN_E_FLASH_READ;
}

int step_checkpoint(mallorn_update& m) {
  const int status = m.log.append(reinterpret_cast<Record*>(m.decode.page.data));
  if (status != MALLORN_DONE) return status;
  m.has_checkpoint = true;
  m.phase = Phase::decode;
  return MALLORN_MORE;
}

int step_result(mallorn_update& m) {
  int status = hash_slot(m, new_slot(m), m.result_bytes);
  if (status != MALLORN_DONE) return status;
  if (!is_digest(m, m.result_digest)) return drop_and_fail(m, MALLORN_E_RESULT);
  Record* const record = m.hash.record;
  status = m.log.reload(record);
  if (status != MALLORN_DONE) return status;
  record->trial = kWaiting;
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
    m.slot = record->trial == kRunning ? record->active ^ 1 : record->active;
    m.base_bytes = record->length[m.slot];
    if (m.base_bytes > m.port->slot_size) return MALLORN_E_SLOT;
    copy_bytes(m.result_digest, record->digest[m.slot], kDigestBytes);
  }
  const int status = hash_slot(m, m.slot, m.base_bytes);
  if (status != MALLORN_DONE) return status;
  return is_digest(m, m.result_digest) ? go_to(m, Phase::done) : MALLORN_E_SLOT;
}

int drop_and_fail(mallorn_update& m, int error) {
  if (!m.has_checkpoint) return error;
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
