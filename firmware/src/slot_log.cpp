#include "firmware/src/slot_log.hpp"

#include "firmware/src/crc32c.hpp"
#include "firmware/src/little_endian.hpp"
#include "firmware/src/update.hpp"

namespace mallorn::firmware {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "records are used as they are in flash");

uint32_t check_of(const Record& record) {
  // Other versions of records have other numbers, and blank flash is no record.
  constexpr uint32_t kRecordMagic = 0x334C4D8D;
  return crc32c(kRecordMagic, reinterpret_cast<const uint8_t*>(&record), kRecordBytes - 4);
}

uint32_t place_of(const SlotLog& log, uint32_t offset) {
  return place_in(MALLORN_META_A + log.sector, offset);
}

// What cannot be read (ECC) is no record: its word was cut short. Of what can, the numbers
// that are used as indices and places are what they can be.
bool has_record(const mallorn_update& m, uint32_t place, Record& record) {
  const uint32_t sector_bytes = m.flash.port->meta_size;
  return m.flash.read(place, &record, kRecordBytes) == MALLORN_DONE &&
         record.check == check_of(record) && record.active <= 1 &&
         record.state_at <= sector_bytes &&
         record.state_bytes <= sector_bytes - record.state_at;
}

bool has_seal(const mallorn_update& m) {
  uint8_t seal[kMaxWordBytes];
  const uint32_t length = m.flash.port->write_size;
  return m.flash.read(place_of(m.log, m.log.at + kRecordBytes), seal, length) ==
             MALLORN_DONE &&
         is_same(seal, reinterpret_cast<const uint8_t*>(&m.record), length);
}

}  // namespace

void start_log(mallorn_update& m) {
  m.log = SlotLog{};
  m.log.sector = 1;
}

int load_log(mallorn_update& m) {
  start_log(m);
  SlotLog& log = m.log;
  Record& other = m.hash.other;
  const mallorn_port& port = *m.flash.port;
  const uint32_t record_bytes = entry_bytes(port, 0);
  int status = MALLORN_E_NO_SLOT;
  for (uint8_t sector = 0; sector < 2; ++sector) {
    uint32_t at = 0;
    uint32_t end = record_bytes;
    while (end <= port.meta_size &&
           has_record(m, place_in(MALLORN_META_A + sector, at), other)) {
      if (other.state_at == end) end += other.state_bytes;
      // The difference counts, so that numbers may wrap around.
      if (status != MALLORN_DONE ||
          static_cast<int32_t>(other.sequence - log.sequence) > 0) {
        status = MALLORN_DONE;
        m.record = other;  // kept: it may not read like this again
        log.sequence = other.sequence;
        log.sector = sector;
        log.at = at;
      }
      at = end;
      end += record_bytes;
    }
  }
  log.is_uncertain = !has_seal(m);
  return status;
}

int read_state(mallorn_update& m) {
  if (m.record.state_bytes != whole_words(kKeptBytes, m.flash.port->write_size)) {
    return MALLORN_E_CHECKPOINT;
  }
  return m.flash.read(place_of(m.log, m.record.state_at), &m.decode.kept, kKeptBytes);
}

int append_record(mallorn_update& m) {
  SlotLog& log = m.log;
  Record& record = m.record;
  const mallorn_port& port = *m.flash.port;
  if (record.resume_result == 0) record.state_bytes = 0;
  const uint32_t state_bytes = kHasStates && record.state_at == 0 ? record.state_bytes : 0;
  const uint32_t end = log.end + entry_bytes(port, state_bytes);
  if (!log.is_fresh || end > port.meta_size) {
    // The record before an uncertain one that begins its sector is in the other sector.
    const bool keeps_other = log.is_uncertain && log.at == 0;
    if (!keeps_other) log.sector ^= 1;
    if (!log.is_fresh) ++log.sequence;
    log.at = log.end = record.state_at = 0;
    log.is_fresh = true;
    log.is_uncertain = false;
    return m.flash.erase(place_of(log, 0));
  }
  const uint32_t place = place_of(log, log.end);
  const uint32_t state_at = log.end + entry_bytes(port, 0);
  log.end = end;
  if (state_bytes != 0) {
    record.state_at = state_at;
    const int status = m.flash.write(place_of(log, state_at), &m.decode.kept, state_bytes);
    if (status != MALLORN_DONE) return status;
  }
  record.sequence = ++log.sequence;
  record.check = check_of(record);
  const int status = m.flash.write(place, &record, kRecordBytes);
  if (status != MALLORN_DONE) return status;
  return m.flash.write(place + kRecordBytes, &record, port.write_size);
}

}  // namespace mallorn::firmware
