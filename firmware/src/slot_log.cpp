#include "firmware/src/slot_log.hpp"

#include "firmware/src/crc32c.hpp"
#include "firmware/src/little_endian.hpp"
#include "firmware/src/update.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

// Sectors as places: the two last regions there are, so that the one behind them is 0.
constexpr uint32_t kLogBegin = place_in(MALLORN_META_A, 0);
constexpr uint32_t kLogEnd = kLogBegin + 2 * kNextRegion;
static_assert(kLogEnd == 0);

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "records are used as they are in flash");

uint32_t check_of(const Record& record) {
  // Other versions of records have other numbers, and blank flash is no record.
  constexpr uint32_t kRecordMagic = 0x334C4D8D;
  return crc32c(kRecordMagic, reinterpret_cast<const uint8_t*>(&record), kRecordBytes - 4);
}

// In memory.
uint32_t check_of_state(const mallorn_update& m) {
  return crc32c(0, m.decode.state, kStateBytes);
}

// Whether the state of the record is in the sector as it was written.
bool has_state(const mallorn_update& m, LogSpace& space, uint32_t sector) {
  const Record& record = space.record;
  uint32_t check = 0;
  for (uint32_t at = 0; at < record.state_bytes; at += kWindowBytes) {
    const uint32_t part = least(record.state_bytes - at, kWindowBytes);
    if (m.flash.read(sector + record.state_at + at, space.window, part) != MALLORN_DONE) {
      return false;
    }
    check = crc32c(check, space.window, part);
  }
  return record.state_bytes == 0 || check == record.state_check;
}

// Reads a record. What cannot be read (ECC) is none: its word was cut short. Of what can,
// the numbers that are used as indices, and as places in these sectors, are what they can
// be.
bool has_record(const mallorn_update& m, LogSpace& space, uint32_t sector, uint32_t at) {
  const Record& record = space.record;
  const uint32_t sector_bytes = m.flash.port->meta_size;
  return at + entry_bytes(*m.flash.port, 0) <= sector_bytes &&
         m.flash.read(sector + at, &space.record, kRecordBytes) == MALLORN_DONE &&
         check_of(record) == record.check && record.active <= 1 &&
         record.state_at <= sector_bytes &&
         record.state_bytes <= sector_bytes - record.state_at &&
         (!kHasStates || has_state(m, space, sector));
}

// 0: it has one.
int fault_of_seal(const mallorn_update& m, LogSpace& space) {
  const uint32_t place = m.log.sector + m.log.at + kRecordBytes;
  const uint32_t length = m.flash.port->write_size;
  const int status = m.flash.read(place, space.window, length);
  return status == MALLORN_DONE ? memcmp(space.window, &m.record, length) : status;
}

}  // namespace

void start_log(mallorn_update& m) { m.log = {0, kLogEnd - kNextRegion, 0, kNextRegion}; }

int load_log(mallorn_update& m) {
  SlotLog& log = m.log;
  LogSpace& space = *anchor(&m.hash.log);
  const Record& other = space.record;
  log.sector = 0;
  log.end = kNextRegion;
  for (uint32_t sector = kLogBegin; sector != kLogEnd; sector += kNextRegion) {
    uint32_t next = 0;
    for (uint32_t at = 0; has_record(m, space, sector, at); at = next) {
      next = at + entry_bytes(*m.flash.port, 0);
      if (other.state_at == next) next += other.state_bytes;
      // The difference counts, so that numbers may wrap around.
      if (log.sector == 0 || static_cast<int32_t>(other.sequence - m.record.sequence) > 0) {
        m.record = other;  // kept: it may not read like this again
        log.sector = sector;
        log.at = at;
      }
    }
  }
  if (log.sector == 0) return MALLORN_E_NO_SLOT;
  log.uncertain = fault_of_seal(m, space);
  return MALLORN_DONE;
}

bool read_state(mallorn_update& m) {
  if (m.record.state_bytes != kStateBytes) return false;
  // Its check was good when the record was found. Torn words read differently each time: as
  // they were in one of some reads.
  for (unsigned tries = 64; tries != 0; --tries) {
    const uint32_t place = m.log.sector + m.record.state_at;
    if (m.flash.read(place, m.decode.state, kStateBytes) == MALLORN_DONE &&
        check_of_state(m) == m.record.state_check) {
      return true;
    }
  }
  return false;
}

int append_record(mallorn_update& m) {
  SlotLog& log = m.log;
  Record& record = m.record;
  const mallorn_port& port = *m.flash.port;
  const uint32_t state_bytes = kHasStates && record.state_at == 0 ? record.state_bytes : 0;
  const uint32_t end = log.end + entry_bytes(port, state_bytes);
  if (end > port.meta_size) {
    // The record before an uncertain one that begins its sector is in the other sector.
    const bool keeps_other = log.uncertain != 0 && log.at == 0;
    if (!keeps_other) log.sector ^= kNextRegion;
    ++record.sequence;
    log.end = record.state_at = 0;
    log.uncertain = 0;
    return m.flash.erase(log.sector);
  }
  const uint32_t place = log.sector + log.end;
  const uint32_t state_at = log.end + entry_bytes(port, 0);
  log.end = end;
  if (state_bytes != 0) {
    record.state_at = state_at;
    record.state_check = check_of_state(m);
    const int status = m.flash.write(log.sector + state_at, m.decode.state, state_bytes);
    if (status != MALLORN_DONE) return status;
  }
  ++record.sequence;
  anchor(&record)->check = check_of(record);
  const int status = m.flash.write(place, &record, kRecordBytes);
  if (status != MALLORN_DONE) return status;
  return m.flash.write(place + kRecordBytes, &record, port.write_size);
}

}  // namespace mallorn::firmware
