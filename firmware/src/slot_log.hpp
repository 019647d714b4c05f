// The log of the two metadata sectors: which slot is in use, what is on trial, how far an
// update has come. The newest valid record says it all; older ones are history.
//
//   record   body, 128 bytes, its CRC-32C last | seal, one word | perhaps a state
//
// A state is what an update keeps to be taken up with: bytes that are written before the
// record that names them. Records of one sector that follow each other may share one. The
// records of a sector follow one another without a gap; the first that is not valid is
// where they end.
//
// Power may fail in any operation, and a word whose programming was cut short may read as
// old, as new, as blank, and differently each time. Hence:
//
// - Blank-looking is not blank: the first append of each session (a load() and what
// follows)
//   erases a sector and writes to its beginning. Only behind its own records does it
//   append.
// - The seal is written after the body. A record with a good CRC but no good seal may have
// been
//   cut short in its last word: it is *uncertain*. It counts, but before anyone acts on it,
//   it is written again, as a new record; and the sector that is erased for that is the one
//   that does not hold the record before it.
// - Otherwise the sector that is erased is the one without the newest record. A state goes
//   with its record into the new sector before the old one is touched.
// - A record that has not been found may be found later. So a session writes a record
// before it
//   changes a slot, even if it has nothing new to say; its number is one higher than that
//   of any record that an earlier session can have begun.
#pragma once

#include "firmware/include/mallorn.h"

namespace mallorn::firmware {

constexpr uint32_t kRecordBytes = 128;  // without the seal
constexpr uint32_t kMaxWordBytes = 32;

// How far an update in place is with the block that ends at resume_result. From kHeld on
// the slot has no model until the update is done.
enum Journal : uint8_t {
  kFree,   // nothing of the slot has been changed
  kHeld,   // the journal has it, the slot perhaps
  kCopied  // the slot has it
};

enum Trial : uint8_t { kNone, kWaiting, kRunning };  // kWaiting: not booted yet

// A record's body, as numbers. In flash it is little-endian, in this order.
struct Record {
  uint32_t magic;
  uint32_t sequence;
  uint8_t active;          // slot that has been confirmed
  uint8_t trial;           // of the other slot: kNone, kWaiting or kRunning
  uint8_t tries;           // boots that the trial has left
  uint8_t journal;         // of an update in place: kFree, kHeld or kCopied
  uint32_t release;        // of the confirmed slot: the counter
  uint32_t trial_release;  // what it becomes by confirmation
  uint32_t length[2];      // of the models in both slots
  uint32_t resume_result;  // an update may be taken up at this byte of the result; 0: not,
                           // unless in place
  uint32_t resume_body;    // and this one of the body
  uint8_t update_id[16];   // of the update that may be taken up
  uint8_t digest[2][32];   // SHA-256 of the models in both slots
  uint32_t state_at;       // in the sector: the state to take it up with; 0: none needed
  uint32_t state_bytes;    // of whole words
  uint32_t check;          // CRC-32C of all before
};
static_assert(sizeof(Record) == kRecordBytes, "no padding");

// How many bytes a sector needs for a record and its state.
constexpr uint32_t whole_words(uint32_t length, uint32_t word) {
  return (length + word - 1) & ~(word - 1);
}
constexpr uint32_t entry_bytes(const mallorn_port& port, uint32_t state_length) {
  return kRecordBytes + port.write_size + whole_words(state_length, port.write_size);
}

class SlotLog {
 public:
  // Finds the newest record and puts it into `record`; MALLORN_E_NO_SLOT if there is none.
  // `other` is memory for a second one.
  int load(const mallorn_port* port, void* context, Record* record, Record* other);
  // Begins a log without history.
  void start(const mallorn_port* port, void* context);

  // Reads the newest record again, which is not uncertain.
  int reload(Record* record) const;

  // Reads the state of `record`, which is the newest; fails if it has not `length` bytes.
  int read_state(const Record& record, uint8_t* to, uint32_t length) const;

  // Writes `record` as the newest one. Does one thing at a time: MALLORN_MORE after an
  // erase, MALLORN_DONE after the record. Spoils `record`, but in a way that it may be
  // given again.
  int append(Record* record) { return append(record, nullptr, 0); }
  // Likewise, with its state: `length` bytes, which are written up to a whole word. If
  // record->state_at is not 0, that of the newest record is the same one.
  int append(Record* record, const uint8_t* state, uint32_t length);

  bool is_uncertain() const { return is_uncertain_; }

 private:
  uint32_t record_size() const { return kRecordBytes + port_->write_size; }
  uint32_t end_of(const Record& record, uint32_t at) const;
  int read(uint8_t sector, uint32_t offset, void* to, uint32_t length) const;
  bool has_record(uint8_t sector, uint32_t offset, Record* record) const;
  bool has_seal(uint8_t sector, uint32_t offset) const;
  int write_state(uint32_t at, const uint8_t* state, uint32_t length) const;
  int write(Record* record, const uint8_t* state);

  uint8_t sector_;  // of the newest record
  bool is_uncertain_;
  bool is_fresh_;  // its sector has been erased in this session
  bool is_blank_;  // and has no record yet
  const mallorn_port* port_;
  void* context_;
  uint32_t sequence_;  // of the newest record
  uint32_t at_;        // where it is
  uint32_t end_;       // where the next one may be
};

}  // namespace mallorn::firmware
