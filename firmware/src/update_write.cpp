// Phases of an update that make the result and write it: with two slots into the other one,
// with one slot into the journal, and from there, block by block, to where it belongs.
#include <new>

#include "firmware/src/crc32c.hpp"
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

bool read_base(void* context, uint32_t offset, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  return m.port->read(m.context, m.slot, offset, to, length) == 0;
}

// In place, the block that is being made is in the journal.
bool read_result(void* context, uint32_t offset, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  uint32_t in_slot = length;
  if (is_in_place(*m.port) && offset + length > m.block) {
    in_slot = offset < m.block ? m.block - offset : 0;
  }
  if (in_slot > 0 && m.port->read(m.context, new_slot(m), offset, to, in_slot) != 0) {
    return false;
  }
  return in_slot == length ||
         m.port->read(m.context, MALLORN_JOURNAL, m.journal_at + offset + in_slot - m.block,
                      to + in_slot, length - in_slot) == 0;
}

// What the journal has, or will have, begins at `block`: the blocks of the result go round
// in it.
void set_block(mallorn_update& m, uint32_t block) {
  m.block = block;
  m.journal_at = 0;
  for (uint32_t at = 0; at < block; at += m.port->erase_size) {
    m.journal_at += m.port->erase_size;
    if (m.journal_at == m.port->journal_size) m.journal_at = 0;
  }
}

// Finds the block that ends where the update is taken up; false if none does.
bool find_block(mallorn_update& m) {
  uint32_t block = 0;
  while (m.written - block > m.port->erase_size) block += m.port->erase_size;
  const bool is_whole = m.written - block == m.port->erase_size || m.written == 0;
  m.erased = m.written;
  set_block(m, m.journal == kHeld ? block : m.written);
  return is_whole || (is_in_place(*m.port) && m.written == m.result_bytes);
}

uint32_t check_of(const KeptState& kept) {
  // Changes where what is kept means something else: states of other versions are not good.
  constexpr uint32_t kVersion = 1;
  return crc32c(kVersion, reinterpret_cast<const uint8_t*>(&kept.decoder),
                sizeof kept.decoder);
}

bool restore(mallorn_update& m, const Record& record, const apply::LiteFiles& files,
             const apply::LiteLengths& lengths) {
  KeptState& kept = m.decode.kept;
  auto* const bytes = reinterpret_cast<uint8_t*>(&kept);
  return m.log.read_state(record, bytes, kKeptBytes) == MALLORN_DONE &&
         kept.check == check_of(kept) && kept.decoder.resume(files, lengths) &&
         kept.decoder.place().result_offset == m.written &&
         kept.decoder.place().body_offset == m.resume_body;
}

// Moves what is left of the input to its beginning and reads on behind it.
int read_input(mallorn_update& m) {
  apply::LiteInput& input = m.decode.input;
  uint8_t* const bytes = m.decode.input_bytes;
  const uint32_t left = input.size - input.used;
  copy_bytes(bytes, bytes + input.used, left);
  input.size = left;
  input.used = 0;
  const uint32_t read = m.decode.kept.decoder.place().body_offset + left;
  const uint32_t wanted = least(m.body_bytes - read, kInputBytes - left);
  if (wanted == 0) return drop_and_fail(m, MALLORN_E_CODED);
  const int32_t got = m.port->patch_read(m.context, bytes + left, wanted);
  if (got == 0) return MALLORN_WANT_INPUT;
  if (got < 0 || static_cast<uint32_t>(got) > wanted) return MALLORN_E_PATCH_READ;
  input.size += static_cast<uint32_t>(got);
  return MALLORN_MORE;
}

// The update may go on from an erase block whose predecessors are written.
bool is_at_checkpoint(const mallorn_update& m) {
  if (is_in_place(*m.port)) return m.written == m.erased || m.is_complete;
  return !m.is_complete && m.written == m.erased &&
         (m.decode.kept.decoder.is_at_restart() ||
          entry_bytes(*m.port, kKeptBytes) <= m.port->meta_size);
}

// Begins the record of how far the update is. A state that the newest record has already
// is not written again.
int begin_checkpoint(mallorn_update& m, Journal journal, bool has_state) {
  auto* const record = reinterpret_cast<Record*>(m.decode.page_bytes);
  const int status = m.log.reload(record);
  if (status != MALLORN_DONE) return status;
  record->resume_result = m.written;
  record->resume_body = m.decode.kept.decoder.place().body_offset;
  record->journal = m.journal = journal;
  copy_bytes(record->update_id, m.update_id, sizeof m.update_id);
  if (!has_state) record->state_at = 0;
  return go_to(m, Phase::checkpoint);
}

uint32_t up_to_word(const mallorn_update& m, uint32_t length) {
  return whole_words(length, m.port->write_size);
}

// In place there is no second try: what has been written is read again.
int program(mallorn_update& m, uint8_t region, uint32_t offset, uint32_t length) {
  const uint8_t* const page = m.decode.page_bytes;
  if (m.port->program(m.context, region, offset, page, length) != 0) {
    return MALLORN_E_FLASH_PROGRAM;
  }
  uint8_t word[kMaxWordBytes];
  for (uint32_t at = 0; is_in_place(*m.port) && at < length; at += m.port->write_size) {
    if (m.port->read(m.context, region, offset + at, word, m.port->write_size) != 0 ||
        !is_same(word, page + at, m.port->write_size)) {
      return MALLORN_E_FLASH_PROGRAM;
    }
  }
  return MALLORN_DONE;
}

// Erases where the block goes that the page begins.
int erase_block(mallorn_update& m) {
  m.erased += m.port->erase_size;
  uint8_t region = new_slot(m);
  uint32_t at = m.written;
  if (is_in_place(*m.port)) {
    set_block(m, m.written);
    region = MALLORN_JOURNAL;
    at = m.journal_at;
  }
  return m.port->erase(m.context, region, at) == 0 ? MALLORN_MORE : MALLORN_E_FLASH_ERASE;
}

int write_page(mallorn_update& m) {
  apply::LitePage& page = m.decode.page;
  const uint32_t length = up_to_word(m, page.used);
  for (uint32_t i = page.used; i < length; ++i) page.data[i] = 0xFF;
  const int status =
      is_in_place(*m.port)
          ? program(m, MALLORN_JOURNAL, m.journal_at + m.written - m.block, length)
          : program(m, new_slot(m), m.written, length);
  if (status != MALLORN_DONE) return status;
  m.written += page.used;
  page.used = 0;
  return MALLORN_DONE;
}

}  // namespace

// The record moves to the page: neither is in the other's way, nor in that of the decoder.
static_assert(sizeof(KeptState) >= sizeof(Message) + kRecordBytes);

int begin_decoding(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  copy_bytes(space.page_bytes, reinterpret_cast<const uint8_t*>(m.hash.record),
             kRecordBytes);
  const auto& record = *reinterpret_cast<const Record*>(space.page_bytes);
  new (&space.kept.decoder) apply::LiteDecoder;
  space.page = {space.page_bytes, kPageBytes, 0};
  space.input = {space.input_bytes, 0, 0};
  const apply::LiteFiles files = {read_base, read_result, &m};
  const apply::LiteLengths lengths = {m.base_bytes, m.result_bytes, m.body_bytes,
                                      m.in_place_log2};
  bool is_good = find_block(m);
  if (m.has_checkpoint && record.state_at != 0) {
    is_good = is_good && restore(m, record, files, lengths);
  } else {
    space.kept.decoder.begin(files, lengths, {m.written, m.resume_body});
  }
  if (!is_good) return drop_and_fail(m, MALLORN_E_CHECKPOINT);
  m.is_complete = false;
  return go_to(m, Phase::checkpoint);
}

int step_decode(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  switch (space.kept.decoder.step(&space.input, &space.page)) {
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
  const apply::LitePage& page = m.decode.page;
  if (page.used > m.result_bytes - m.written) return drop_and_fail(m, MALLORN_E_CODED);
  if (page.used > 0) {
    if (m.written == m.erased) return erase_block(m);
    const int status = write_page(m);
    if (status != MALLORN_DONE) return status;
    if (is_at_checkpoint(m)) {
      return begin_checkpoint(m, is_in_place(*m.port) ? kHeld : kFree, false);
    }
  }
  if (!m.is_complete) return go_to(m, Phase::decode);
  return m.written == m.result_bytes ? go_to(m, Phase::result)
                                     : drop_and_fail(m, MALLORN_E_CODED);
}

int step_checkpoint(mallorn_update& m) {
  KeptState& kept = m.decode.kept;
  auto* const record = reinterpret_cast<Record*>(m.decode.page_bytes);
  const bool is_needed = record->resume_result != 0 && !kept.decoder.is_at_restart();
  kept.check = check_of(kept);
  const int status = m.log.append(
      record, is_needed ? reinterpret_cast<const uint8_t*>(&kept) : nullptr, kKeptBytes);
  if (status != MALLORN_DONE) return status;
  m.has_checkpoint = record->resume_result != 0;
  return go_to(m, m.journal == kHeld ? Phase::copy : Phase::decode);
}

// First erases the block of the slot; then `at` is how much is copied, and one.
int step_copy(mallorn_update& m) {
  if (m.at == 0) {
    m.at = 1;
    return m.port->erase(m.context, m.slot, m.block) == 0 ? MALLORN_MORE
                                                          : MALLORN_E_FLASH_ERASE;
  }
  const uint32_t done = m.at - 1;
  const uint32_t length = least(up_to_word(m, m.written - m.block) - done, kPageBytes);
  if (m.port->read(m.context, MALLORN_JOURNAL, m.journal_at + done, m.decode.page_bytes,
                   length) != 0) {
    return MALLORN_E_FLASH_READ;
  }
  const int status = program(m, m.slot, m.block + done, length);
  if (status != MALLORN_DONE) return status;
  m.at += length;
  if (m.block + done + length < m.written) return MALLORN_MORE;
  m.erased = m.written;
  set_block(m, m.written);
  return begin_checkpoint(m, kCopied, true);
}

}  // namespace mallorn::firmware
