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

// Where a byte of the result is, or goes first: with one slot into the journal, but for
// what has been copied to where it belongs.
uint32_t place_of_new(const mallorn_update& m, uint32_t offset) {
  const uint32_t held = offset - m.record.copied;
  if (is_in_place(*m.flash.port) && offset >= m.record.copied) {
    return place_in(MALLORN_JOURNAL, in_ring(m, m.journal_at + held));
  }
  return place_in(m.new_slot, offset);
}

// For the decoder. What is read of the result does not lie across blocks. Of two slots, the
// bit that tells it from the base is the one that tells the slots apart.
static_assert(apply::kLiteOwn == kNextRegion);
int read_file(void* context, uint32_t from, uint8_t* to, uint32_t length) {
  const auto& m = *static_cast<const mallorn_update*>(context);
  uint32_t place = place_in(m.slot, 0) ^ from;
  if (kHasOneSlot && from >= apply::kLiteOwn)
    place = place_of_new(m, from - apply::kLiteOwn);
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
  if (!kHasOneSlot) return false;
  const uint32_t held = m.written - m.record.copied;
  const uint32_t left = m.lengths.result_bytes - m.record.copied;
  return held == least(left, m.flash.port->journal_size) && held != 0;
}

// Changes where what is kept means something else: states of other versions are not good.
constexpr uint8_t kStateVersion = 8;

// Brings the decoder to where the update begins or is taken up; false if it cannot be.
bool begin_decoder(mallorn_update& m) {
  DecodeSpace& space = m.decode;
  apply::LiteDecoder& decoder = *anchor(&space.decoder);
  const bool has_state = m.written != 0 && m.record.state_bytes != 0;
  if (has_state && (!kHasStates || !read_state(m) || decoder.version != kStateVersion)) {
    return false;
  }
  uint8_t* const input = anchor(+space.buffers);
  uint8_t* const page = input + kInputBytes;
  decoder.input = {input, input, m.body_bytes - m.record.resume_body};
  decoder.page = {page, page, page + kPageBytes};
  decoder.lengths = m.lengths;
  decoder.files = {read_file, &m};
  decoder.version = kStateVersion;
  if (has_state) return decoder.resume(m.written);
  decoder.begin(m.written);
  return true;
}

// Moves what is left of the input to its beginning and reads on behind it: there is more of
// the body, and room, where a decoder wants it. Not inlined: its frame would lie below the
// decoder's.
[[gnu::noinline]] int read_input(mallorn_update& m, apply::LiteDecoder& decoder) {
  apply::LiteInput& input = decoder.input;
  uint8_t* const bytes = m.decode.buffers;
  const uint32_t left = input.size();
  copy_bytes(bytes, input.next, left);
  m.at = 0;
  const int status = read_patch(m, bytes + left, least(input.unread, kInputBytes - left));
  input = {bytes, bytes + left + m.at, input.unread - m.at};
  return status;
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

// What is written behind the end of the result is of no account.
int write_page(mallorn_update& m, apply::LitePage& page) {
  const uint32_t used = page.used();
  uint8_t* const begin = page.begin;
  page.next = begin;
  const int status = m.flash.write(place_of_new(m, m.written), begin, used);
  m.written += used;
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
  apply::LiteDecoder& decoder = *anchor(&m.decode.decoder);
  const apply::LiteStep step = decoder.step();
  if (step == apply::LiteStep::failed) return and_forget(MALLORN_E_CODED);
  if (step == apply::LiteStep::want_input) return read_input(m, decoder);
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
  const apply::LiteDecoder& decoder = *anchor(&m.decode.decoder);
  // Anchored: compilers would make a mask of it, which costs more.
  uint32_t state_bytes = 0;
  if (kHasStates && !decoder.is_at_restart()) state_bytes = anchor(kStateBytes);
  m.record.state_bytes = state_bytes;
  const int status = append_record(m);
  if (status != MALLORN_DONE) return status;
  return go_to(is_copy_next(m) ? Phase::copy : Phase::decode);
}

// First erases the block of the slot. Then `at` is how much of it is not copied.
int step_copy(mallorn_update& m) {
  const uint32_t place = place_in(m.slot, m.record.copied);
  if (m.at == 0) {
    m.at = m.flash.port->erase_size;
    return m.flash.erase(place);
  }
  const uint32_t held = m.written - m.record.copied;
  const uint32_t part = least(held, kPageBytes);
  uint8_t* const page = m.decode.buffers + kInputBytes;
  int status = m.flash.read(place_in(MALLORN_JOURNAL, m.journal_at), page, part);
  if (status != MALLORN_DONE) return status;
  status = m.flash.write(place, page, part);
  if (status != MALLORN_DONE) return status;
  m.record.copied += part;
  m.journal_at = in_ring(m, m.journal_at + part);
  m.at -= part;
  return m.at == 0 || part == held ? go_to(Phase::checkpoint) : MALLORN_MORE;
}

}  // namespace mallorn::firmware
