// The log of the two metadata sectors: which slot is in use, what is on trial, how far an
// update has come. The newest valid record says it all; older ones are history.
//
//   record   body, 128 bytes, its CRC-32C last | seal, one word | perhaps a state
//
// A state is what an update keeps to be taken up with: bytes that are written before the
// record that names them. Records of one sector that follow each other may share one. A
// record is as good as its state: of a sector whose erase was cut short, records may still
// be read where states are gone. The records of a sector follow one another without a gap;
// the first that is not valid is where they end.
//
// Power may fail in any operation, and a word whose programming was cut short may read as
// old, as new, as blank, and differently each time. Hence:
//
// - Blank-looking is not blank: the first append of each session (from where the log is
//   read) erases a sector and writes to its beginning. Only behind its own records does it
//   append.
// - The seal is written after the body: the first word once more. A record with a good CRC
//   but no good seal may have been cut short in its last word: it is *uncertain*. It
//   counts, but before anyone acts on it, it is written again, as a new record; and the
//   sector that is erased for that is the one that does not hold the record before it.
// - Otherwise the sector that is erased is the one without the newest record. A state goes
//   with its record into the new sector before the old one is touched.
// - A record that has not been found may be found later. So a session writes a record
//   before it changes a slot, even if it has nothing new to say; its number is one higher
//   than that of any record that an earlier session can have begun.
#pragma once

#include "firmware/src/flash.hpp"

struct mallorn_update;

namespace mallorn::firmware {

constexpr uint32_t kRecordBytes = 128;  // without the seal

enum Trial : uint8_t { kNone, kWaiting, kRunning };  // kWaiting: not booted yet

// A record's body, as numbers. In flash it is little-endian, in this order.
struct Record {
  uint8_t active;  // slot that has been confirmed: a seal is not blank by it
  uint8_t trial;   // of the other slot: kNone, kWaiting or kRunning
  uint8_t tries;   // boots that the trial has left
  uint8_t spare;
  uint32_t sequence;
  uint32_t release;        // of the confirmed slot: the counter
  uint32_t trial_release;  // what it becomes by confirmation
  uint32_t length[2];      // of the models in both slots
  uint32_t resume_result;  // an update may be taken up at this byte of the result; 0: not
  uint32_t resume_body;    // and this one of the body
  uint32_t copied;         // in place: the slot has this much of the result, the journal
                           // the rest
  uint32_t state_at;       // in the sector: the state to take it up with
  uint32_t state_bytes;    // 0: there is none
  uint32_t state_check;    // CRC-32C of the state
  uint8_t update_id[12];  // of the update that may be taken up: its body's digest begins so
  uint8_t digest[2][32];  // SHA-256 of the models in both slots
  uint32_t check;         // CRC-32C of all before
};
static_assert(sizeof(Record) == kRecordBytes, "no padding");

// Devices whose metadata sectors have no room for states, or that can do without, may say
// so when they compile this. What others have written is read all the same.
#ifdef MALLORN_NO_STATES
constexpr bool kHasStates = false;
#else
constexpr bool kHasStates = true;
#endif

// How many bytes a sector needs for a record with a state of so many bytes.
constexpr uint32_t entry_bytes(const mallorn_port& port, uint32_t state_bytes) {
  return kRecordBytes + port.write_size + state_bytes;
}

// Where the log is, in memory.
struct SlotLog {
  int uncertain;    // 0: it is not
  uint32_t sector;  // where its sector begins; 0: there is none
  uint32_t at;      // in the sector: that record, as it has been found
  uint32_t end;     // the next one; beyond every sector before the first erase
};

// Finds the newest record and makes it m.record; MALLORN_E_NO_SLOT if there is none. Spoils
// what shares memory with m.hash.log.
int load_log(mallorn_update& m);
// Begins a log without history.
void start_log(mallorn_update& m);

// Reads the state of m.record into m.decode.state: false if it has none of this size, or if
// flash has changed since the log was read.
bool read_state(mallorn_update& m);

// Writes m.record as the newest one, and before it its state, m.decode.state, if it has
// state_bytes; unless state_at says where the newest record has the same. Does one thing at
// a time: MALLORN_MORE after an erase, MALLORN_DONE after the record.
int append_record(mallorn_update& m);

}  // namespace mallorn::firmware
