// Phases of an update that make the result and write it: with two slots into the other one,
// with one slot into the journal, and from there, block by block, to where it belongs.
#include "firmware/src/update.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

// A place in the journal, which is a ring.
uint32_t in_ring(const mallorn_update& m, uint32_t at) {
  return at < m.flash.port->journal_size ? at : at - m.flash.port->journal_size;
}

// In place: where the journal has a byte of the result that the slot does not have.
uint32_t place_in_journal(const mallorn_update& m, uint32_t offset) {
  return place_in(MALLORN_JOURNAL, in_ring(m, m.journal_at + offset - m.record.copied));
}

// Where a byte of the result goes first. With one slot it costs less where it is called.
[[gnu::noinline]] uint32_t place_of_any(const mallorn_update& m, uint32_t offset) {
  return is_in_place(*m.flash.port) ? place_in_journal(m, offset)
                                    : place_in(m.new_slot, offset);
}

uint32_t place_of_new(const mallorn_update& m, uint32_t offset) {
  return kHasOneSlot ? place_of_any(m, offset) : place_in(m.new_slot, offset);
}

// For the decoder. What is read of the result does not lie across blocks. Of two slots, the
// bit that tells it from the base is the one that tells the slots apart.
static_assert(apply::kLiteOwn == kNextRegion);
int read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  uint32_t place = place_in(m.slot, 0) ^ from;
  if (is_in_place(*m.flash.port) && from >= apply::kLiteOwn) {
    const uint32_t offset = from - apply::kLiteOwn;
    place =
        offset >= m.record.copied ? place_in_journal(m, offset) : place_in(m.slot, offset);
  }
  return m.flash.read(place, to, length);
}

// Whether a block ends where the update is taken up, and where the journal then has what it
// holds.
bool find_block(mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  m.erased = m.written;
  if (is_in_place(port)) m.journal_at = rest_of(m.record.copied, port.journal_size);
  return rest_of(m.written, port.erase_size) == 0 || m.written == m.lengths.result_bytes;
}

// In place: the journal is full, or holds the end of the result.
bool is_copy_next(const mallorn_update& m) {
  if (!is_in_place(*m.flash.port)) return false;
  const uint32_t held = m.written - m.record.copied;
  const bool is_last = m.written == m.lengths.result_bytes && held != 0;
  return is_last || held == m.flash.port->journal_size;
}

// Changes where what is kept means something else: states of other versions are not good.
constexpr uint8_t kStateVersion = 8;

// Brings the decoder to where the update begins or is taken up; false if it cannot be.
bool begin_decoder(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  apply::LiteDecoder& decoder = *anchor(&space.decoder);
  const bool has_state = m.written != 0 && m.record.state_bytes != 0;
  if (has_state &&
      (!kHasStates || read_state(m) != MALLORN_DONE || decoder.version != kStateVersion)) {
    return false;
  }
  decoder.input = {space.input_bytes, space.input_bytes,
                   m.body_bytes - m.record.resume_body};
  decoder.page = {space.page_bytes, space.page_bytes, space.page_bytes + kPageBytes};
  decoder.lengths = m.lengths;
  decoder.files = {read_file, &m};
  if (has_state) return decoder.resume(m.written);
  decoder.begin(m.written);
  decoder.version = kStateVersion;
  return true;
}

// Moves what is left of the input to its beginning and reads on behind it: there is more of
// the body, and room, where a decoder wants it. Not inlined: its frame would lie below the
// decoder's.
[[gnu::noinline]] int read_input(mallorn_update& m) {
  apply::LiteInput& input = *anchor(&m.decode.decoder.input);
  uint8_t* const bytes = m.decode.input_bytes;
  m.at = input.size();
  copy_bytes(bytes, input.next, m.at);
  const uint32_t left = m.at;
  const int status = read_patch(m, bytes + left, least(input.unread, kInputBytes - left));
  input = {bytes, bytes + m.at, input.unread - (m.at - left)};
  return status == MALLORN_DONE ? MALLORN_MORE : status;
}

// The update may go on from an erase block whose predecessors are written, or from behind
// the last one.
bool is_at_checkpoint(const mallorn_update& m, const apply::LiteDecoder& decoder) {
  return (m.written == m.erased || m.written == m.lengths.result_bytes) &&
         (decoder.is_at_restart() || has_room_for_state(*m.flash.port));
}

// Erases where the block goes that the page begins.
int erase_block(mallorn_update& m) {
  m.erased += m.flash.port->erase_size;
  return m.flash.erase(place_of_new(m, m.written));
}

// In whole words: what is behind the end of the result is of no account.
int write_page(mallorn_update& m, apply::LitePage& page) {
  const uint32_t used = page.used();
  const uint32_t length = whole_words(used, m.flash.port->write_size);
  const int status = m.flash.write(place_of_new(m, m.written), page.begin, length);
  m.written += used;
  page.next = page.begin;
  return status;
}

}  // namespace

bool has_room_for_state(const mallorn_port& port) {
  return kHasStates && entry_bytes(port, kStateBytes) <= port.meta_size;
}

int begin_decoding(mallorn_update& m) {
  if (!find_block(m) || !begin_decoder(m)) return and_forget(MALLORN_E_CHECKPOINT);
  return go_to(Phase::checkpoint);
}

int step_decode(mallorn_update& m) {
  apply::LiteDecoder& decoder = m.decode.decoder;
  const apply::LiteStep step = decoder.step();
  if (step == apply::LiteStep::failed) return and_forget(MALLORN_E_CODED);
  if (step == apply::LiteStep::want_input) return read_input(m);
  return go_to(decoder.page.used() == 0 ? Phase::result : Phase::flush);
}

// Erases the block that the page begins, if it does; then writes the page.
int step_flush(mallorn_update& m) {
  apply::LiteDecoder& decoder = *anchor(&m.decode.decoder);
  if (decoder.page.used() > m.lengths.result_bytes - m.written) {
    return and_forget(MALLORN_E_CODED);
  }
  if (m.written == m.erased) return erase_block(m);
  const int status = write_page(m, decoder.page);
  if (status != MALLORN_DONE) return status;
  if (!is_at_checkpoint(m, decoder)) return go_to(Phase::decode);
  m.record.resume_result = m.written;
  m.record.resume_body = m.body_bytes - decoder.input.left();
  m.record.state_at = 0;
  return go_to(Phase::checkpoint);
}

int step_checkpoint(mallorn_update& m) {
  const bool has_state = kHasStates && !m.decode.decoder.is_at_restart();
  m.record.state_bytes = has_state ? kStateBytes : 0;
  const int status = append_record(m);
  if (status != MALLORN_DONE) return status;
  return go_to(is_copy_next(m) ? Phase::copy : Phase::decode);
}

// First erases the block of the slot; then `at` is how much is copied, and one.
int step_copy(mallorn_update& m) {
  const mallorn_port& port = *m.flash.port;
  uint32_t& copied = m.record.copied;
  if (m.at == 0) {
    m.at = 1;
    return m.flash.erase(place_in(m.slot, copied));
  }
  const uint32_t offset = copied + m.at - 1;
  const uint32_t end = least(m.written, copied + port.erase_size);
  const uint32_t length = least(whole_words(end, port.write_size) - offset, kPageBytes);
  int status = m.flash.read(place_in_journal(m, offset), m.decode.page_bytes, length);
  if (status != MALLORN_DONE) return status;
  status = m.flash.write(place_in(m.slot, offset), m.decode.page_bytes, length);
  if (status != MALLORN_DONE) return status;
  m.at += length;
  if (offset + length < end) return MALLORN_MORE;
  m.journal_at = in_ring(m, m.journal_at + port.erase_size);
  copied = end;
  return go_to(Phase::checkpoint);
}

}  // namespace mallorn::firmware
