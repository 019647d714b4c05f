#include "firmware/src/slot_log.hpp"

#include "firmware/src/crc32c.hpp"
#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "records are used as they are in flash");

constexpr uint32_t kRecordMagic = 0x314C4D8D;  // 8D "ML1"
constexpr uint8_t kSealByte = 0x5A;

uint32_t check_of(const Record& record) {
  return crc32c(0, reinterpret_cast<const uint8_t*>(&record), kRecordBytes - 4);
}

// Whether its numbers can be: they are used as indices and places.
bool is_sane(const Record& record, uint32_t sector_bytes) {
  return record.magic == kRecordMagic && record.check == check_of(record) &&
         record.active <= 1 && record.trial <= kRunning && record.journal <= kCopied &&
         record.state_at <= sector_bytes &&
         record.state_bytes <= sector_bytes - record.state_at;
}

uint8_t region_of(uint8_t sector) { return static_cast<uint8_t>(MALLORN_META_A + sector); }

}  // namespace

int SlotLog::read(uint8_t sector, uint32_t offset, void* to, uint32_t length) const {
  return port_->read(context_, region_of(sector), offset, to, length);
}

// What cannot be read (ECC) is no record: its word was cut short.
bool SlotLog::has_record(uint8_t sector, uint32_t offset, Record* record) const {
  return read(sector, offset, record, kRecordBytes) == 0 &&
         is_sane(*record, port_->meta_size);
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
  at_ = end_ = 0;
  sector_ = 1;
  is_uncertain_ = is_fresh_ = is_blank_ = false;
}

int SlotLog::load(const mallorn_port* port, void* context, Record* record, Record* other) {
  start(port, context);
  bool is_found = false;
  for (uint8_t sector = 0; sector < 2; ++sector) {
    uint32_t next = 0;
    while (next + record_size() <= port->meta_size && has_record(sector, next, other)) {
      const uint32_t at = next;
      next = end_of(*other, at);
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

uint32_t SlotLog::end_of(const Record& record, uint32_t at) const {
  const uint32_t end = at + record_size();
  return record.state_at == end ? end + record.state_bytes : end;
}

int SlotLog::read_state(const Record& record, uint8_t* to, uint32_t length) const {
  if (record.state_at == 0 ||
      record.state_bytes != whole_words(length, port_->write_size)) {
    return MALLORN_E_CHECKPOINT;
  }
  return read(sector_, record.state_at, to, length) == 0 ? MALLORN_DONE
                                                         : MALLORN_E_FLASH_READ;
}

int SlotLog::append(Record* record, const uint8_t* state, uint32_t length) {
  if (state == nullptr || !is_fresh_ || is_blank_) record->state_at = 0;
  if (state == nullptr) length = 0;
  if (record->state_at == 0) record->state_bytes = whole_words(length, port_->write_size);
  if (is_blank_) return write(record, state);
  const uint32_t state_bytes = record->state_at == 0 ? record->state_bytes : 0;
  if (is_fresh_ && end_ + record_size() + state_bytes <= port_->meta_size) {
    at_ = end_;
    return write(record, state);
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

// Writes and compares.
int SlotLog::write_state(uint32_t at, const uint8_t* state, uint32_t length) const {
  for (uint32_t done = 0; done < length; done += kRecordBytes) {
    const uint32_t part = length - done < kRecordBytes ? length - done : kRecordBytes;
    if (port_->program(context_, region_of(sector_), at + done, state + done, part) != 0) {
      return MALLORN_E_FLASH_PROGRAM;
    }
  }
  uint8_t word[kMaxWordBytes];
  for (uint32_t done = 0; done < length; done += port_->write_size) {
    if (read(sector_, at + done, word, port_->write_size) != 0 ||
        !is_same(word, state + done, port_->write_size)) {
      return MALLORN_E_FLASH_PROGRAM;
    }
  }
  return MALLORN_DONE;
}

int SlotLog::write(Record* record, const uint8_t* state) {
  is_blank_ = false;
  const uint32_t end = at_ + record_size();
  if (state != nullptr && record->state_at == 0) {
    record->state_at = end;
    const int status = write_state(end, state, record->state_bytes);
    if (status != MALLORN_DONE) return status;
  }
  end_ = end_of(*record, at_);
  record->magic = kRecordMagic;
  record->sequence = ++sequence_;
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
