// Phases of an update that make the result and write it: with two slots into the other one,
// with one slot into the journal, and from there, block by block, to where it belongs.
#include "firmware/src/update.hpp"

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

// Where a byte of the result goes first.
[[gnu::noinline]] uint32_t place_of_new(const mallorn_update& m, uint32_t offset) {
  return is_in_place(*m.flash.port) ? place_in_journal(m, offset)
                                    : place_in(m.new_slot, offset);
}

// For the decoder. What is read of the result does not lie across blocks. Of two slots, the
// bit that tells it from the base is the one that tells the slots apart.
static_assert(apply::kLiteOwn == kNextRegion);
bool read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  uint32_t place = place_in(m.slot, 0) ^ from;
  if (is_in_place(*m.flash.port) && from >= apply::kLiteOwn) {
    const uint32_t offset = from - apply::kLiteOwn;
    place =
        offset >= m.record.copied ? place_in_journal(m, offset) : place_in(m.slot, offset);
  }
  return m.flash.read(place, to, length) == MALLORN_DONE;
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
  const uint32_t held = m.written - m.record.copied;
  const bool is_last = m.written == m.lengths.result_bytes && held != 0;
  return is_in_place(*m.flash.port) && (is_last || held == m.flash.port->journal_size);
}

// Changes where what is kept means something else: states of other versions are not good.
constexpr uint32_t kStateVersion = 6;

// Brings the decoder to where the update begins or is taken up; false if it cannot be.
bool begin_decoder(mallorn_update& m) {
  KeptState& kept = m.decode.kept;
  const apply::LiteFiles files = {read_file, &m};
  const apply::LitePlace place = {m.written, m.record.resume_body};
  if (m.written == 0 || m.record.state_bytes == 0) {
    kept.decoder.begin(files, m.lengths, place);
    return true;
  }
  return kHasStates && read_state(m) == MALLORN_DONE && kept.version == kStateVersion &&
         kept.decoder.resume(files, m.lengths, place);
}

// Moves what is left of the input to its beginning and reads on behind it: there is more of
// the body, and room, where a decoder wants it. Not inlined: its frame would lie below the
// decoder's.
[[gnu::noinline]] int read_input(mallorn_update& m) {
  apply::LiteInput& input = m.decode.input;
  uint8_t* const bytes = m.decode.input_bytes;
  const uint32_t left = input.size - input.used;
  copy_bytes(bytes, bytes + input.used, left);
  input.size = m.at = left;
  input.used = 0;
  const uint32_t read = m.decode.kept.decoder.place().body_offset + left;
  const uint32_t wanted = least(m.lengths.body_bytes - read, kInputBytes - left);
  const int status = read_patch(m, bytes + left, wanted);
  if (status != MALLORN_DONE) return status;
  input.size = m.at;
  return MALLORN_MORE;
}

// The update may go on from an erase block whose predecessors are written, or from behind
// the last one.
bool is_at_checkpoint(const mallorn_update& m) {
  return (m.written == m.erased || m.written == m.lengths.result_bytes) &&
         (m.decode.kept.decoder.is_at_restart() || has_room_for_state(*m.flash.port));
}

// Erases where the block goes that the page begins.
int erase_block(mallorn_update& m) {
  m.erased += m.flash.port->erase_size;
  return m.flash.erase(place_of_new(m, m.written));
}

// In whole words: what is behind the end of the result is of no account.
int write_page(mallorn_update& m) {
  apply::LitePage& page = m.decode.page;
  const uint32_t length = whole_words(page.used, m.flash.port->write_size);
  const int status = m.flash.write(place_of_new(m, m.written), page.data, length);
  m.written += page.used;
  page.used = 0;
  return status;
}

}  // namespace

bool has_room_for_state(const mallorn_port& port) {
  return kHasStates && entry_bytes(port, kStateBytes) <= port.meta_size;
}

int begin_decoding(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  space.page = {space.page_bytes, kPageBytes, 0};
  space.input = {space.input_bytes, 0, 0};
  if (!find_block(m) || !begin_decoder(m)) return and_forget(MALLORN_E_CHECKPOINT);
  return go_to(Phase::checkpoint);
}

int step_decode(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  const apply::LiteStep step = space.kept.decoder.step(&space.input, &space.page);
  if (step == apply::LiteStep::failed) return and_forget(MALLORN_E_CODED);
  if (step == apply::LiteStep::want_input) return read_input(m);
  return go_to(space.page.used == 0 ? Phase::result : Phase::flush);
}

// Erases the block that the page begins, if it does; then writes the page.
int step_flush(mallorn_update& m) {
  if (m.decode.page.used > m.lengths.result_bytes - m.written) {
    return and_forget(MALLORN_E_CODED);
  }
  if (m.written == m.erased) return erase_block(m);
  const int status = write_page(m);
  if (status != MALLORN_DONE) return status;
  if (!is_at_checkpoint(m)) return go_to(Phase::decode);
  m.record.resume_result = m.written;
  m.record.resume_body = m.decode.kept.decoder.place().body_offset;
  m.record.state_at = 0;
  return go_to(Phase::checkpoint);
}

int step_checkpoint(mallorn_update& m) {
  KeptState& kept = m.decode.kept;
  m.record.state_bytes = kHasStates && !kept.decoder.is_at_restart() ? kStateBytes : 0;
  if (kHasStates) kept.version = kStateVersion;
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
