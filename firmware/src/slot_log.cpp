#include "firmware/src/slot_log.hpp"

#include "firmware/src/crc32c.hpp"
#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "records are used as they are in flash");

constexpr uint32_t kRecordMagic = 0x314C4D8D;  // 8D "ML1"
constexpr uint8_t kSealByte = 0x5A;
constexpr uint32_t kMaxWordBytes = 32;

uint32_t check_of(const Record& record) {
  return crc32c(0, reinterpret_cast<const uint8_t*>(&record), kRecordBytes - 4);
}

// Whether its numbers can be: they are used as indices.
bool is_sane(const Record& record) {
  return record.magic == kRecordMagic && record.check == check_of(record) &&
         record.active <= 1 && record.trial <= kRunning;
}

uint8_t region_of(uint8_t sector) { return static_cast<uint8_t>(MALLORN_META_A + sector); }

}  // namespace

int SlotLog::read(uint8_t sector, uint32_t offset, void* to, uint32_t length) const {
  return port_->read(context_, region_of(sector), offset, to, length);
}

// What cannot be read (ECC) is no record: its word was cut short.
bool SlotLog::has_record(uint8_t sector, uint32_t offset, Record* record) const {
  return read(sector, offset, record, kRecordBytes) == 0 && is_sane(*record);
}

bool SlotLog::has_seal(uint8_t sector, uint32_t offset) const {
  uint8_t seal[kMaxWordBytes];
  if (read(sector, offset + kRecordBytes, seal, port_->write_size) != 0) return false;
  for (unsigned i = 0; i < port_->write_size; ++i) {
    if (seal[i] != kSealByte) return false;
  }
  return true;
}

void SlotLog::start(const mallorn_port* port, void* context) {
  port_ = port;
  context_ = context;
  sequence_ = 0;
  at_ = 0;
  sector_ = 1;
  is_uncertain_ = is_fresh_ = is_blank_ = false;
}

int SlotLog::load(const mallorn_port* port, void* context, Record* record, Record* other) {
  start(port, context);
  bool is_found = false;
  for (uint8_t sector = 0; sector < 2; ++sector) {
    for (uint32_t at = 0; at + record_size() <= port->meta_size; at += record_size()) {
      if (!has_record(sector, at, other)) continue;
      // The difference counts, so that numbers may wrap around.
      if (is_found && static_cast<int32_t>(other->sequence - sequence_) <= 0) continue;
      is_found = true;
      *record = *other;  // kept: it may not read like this again
      sequence_ = other->sequence;
      sector_ = sector;
      at_ = at;
    }
  }
  if (!is_found) return MALLORN_E_NO_SLOT;
  is_uncertain_ = !has_seal(sector_, at_);
  return MALLORN_DONE;
}

int SlotLog::reload(Record* record) const {
  return has_record(sector_, at_, record) ? MALLORN_DONE : MALLORN_E_FLASH_READ;
}

int SlotLog::append(Record* record) {
  if (is_blank_) return write(record);
  const uint32_t next = at_ + record_size();
  if (is_fresh_ && next + record_size() <= port_->meta_size) {
    at_ = next;
    return write(record);
  }
  // The record before an uncertain one that begins its sector is in the other sector.
  const bool keeps_other = is_uncertain_ && at_ == 0;
  if (!keeps_other) sector_ ^= 1;
  if (!is_fresh_) ++sequence_;
  at_ = 0;
  is_fresh_ = is_blank_ = true;
  is_uncertain_ = false;
  if (port_->erase(context_, region_of(sector_), 0) != 0) return MALLORN_E_FLASH_ERASE;
  return MALLORN_MORE;
}

int SlotLog::write(Record* record) {
  is_blank_ = false;
  record->magic = kRecordMagic;
  record->sequence = ++sequence_;
  record->reserved = 0;
  record->check = check_of(*record);
  const uint8_t region = region_of(sector_);
  if (port_->program(context_, region, at_, record, kRecordBytes) != 0) {
    return MALLORN_E_FLASH_PROGRAM;
  }
  // The record is in flash now: its memory is the seal's.
  auto* const seal = reinterpret_cast<uint8_t*>(record);
  for (unsigned i = 0; i < kMaxWordBytes; ++i) seal[i] = kSealByte;
  if (port_->program(context_, region, at_ + kRecordBytes, seal, port_->write_size) != 0) {
    return MALLORN_E_FLASH_PROGRAM;
  }
  // The sequence is this one's alone: what has it and is sound is this record.
  const bool is_written = has_record(sector_, at_, record) &&
                          record->sequence == sequence_ && has_seal(sector_, at_);
  return is_written ? MALLORN_DONE : MALLORN_E_FLASH_PROGRAM;
}

}  // namespace mallorn::firmware
