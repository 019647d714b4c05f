// The journal of an update in place, as bytes (docs/format/journal.md). Whoever can write
// beside the model can write a journal: every field is checked where it is read.
#pragma once

#include <array>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/patch_format.hpp"
#include "mallorn-apply/byte_range.hpp"

namespace mallorn::apply {

constexpr std::array<uint8_t, 4> kJournalMagic = {0x8D, 'M', 'L', 'J'};
constexpr uint8_t kJournalVersion = 1;
constexpr size_t kJournalHeadBytes = 160;
constexpr size_t kJournalUnitBytes = 45;
constexpr size_t kJournalStashBytes = 20;
constexpr size_t kBatchHeadBytes = 40;
constexpr size_t kPieceHeadBytes = 16;
// What is mapped begins at multiples of this, which is one of every system's pages.
constexpr uint64_t kJournalBlockBytes = 64 * 1024;

// Where the parts of a journal are. Sizes are those of whole files, in bytes.
struct JournalHead {
  std::array<uint8_t, kDigestBytes> patch_digest{};  // SHA-256 of the patch's header
  uint64_t base_bytes = 0;
  uint64_t result_bytes = 0;
  uint64_t unit_count = 0;
  uint64_t stash_count = 0;
  uint64_t stash_bytes = 0;  // of all, each a whole number of blocks
  uint64_t slot_bytes = 0;   // a whole number of blocks
  uint32_t tables_check = 0;
  bool has_undo = false;    // whether there is a way back to the old model
  uint64_t undo_bytes = 0;  // of all undo records

  // All of these fit in 64 bits once read_journal_head() has taken the head.
  uint64_t tables_bytes() const {
    return unit_count * kJournalUnitBytes + stash_count * kJournalStashBytes;
  }
  uint64_t tables_offset() const { return kJournalHeadBytes + undo_bytes; }
  uint64_t stash_offset() const;
  uint64_t slot_offset(uint64_t sequence) const;
  uint64_t file_bytes() const;

  bool operator==(const JournalHead&) const = default;
};

// part: some of a result without chunks; all of them are in the first batch.
enum class UnitKind : uint8_t { copy = 0, chunk = 1, part = 2 };

// What is made of the old model in one go.
struct JournalUnit {
  UnitKind kind = UnitKind::copy;
  uint64_t source = 0;         // copy: where in the base; chunk: where in the patch
  uint64_t result_offset = 0;  // of the copy, the chunk, the part
  uint64_t result_bytes = 0;   // the same
  uint32_t check = 0;          // CRC-32C of the bytes that are written
  ByteRange undo{};            // its records, among all undo records

  bool operator==(const JournalUnit&) const = default;
};

// Old bytes that are kept: those of `range`, one after the other.
struct JournalStash {
  ByteRange range;
  uint32_t check = 0;  // CRC-32C; bytes behind the end of the base count as 0

  bool operator==(const JournalStash&) const = default;
};

// Bytes that belong together: all of them are there, or none. They are new, or, on the way
// back, old.
struct BatchHead {
  uint64_t sequence = 0;       // from 1
  uint64_t units_done = 0;     // how many are in the model once this batch is
  uint64_t payload_bytes = 0;  // pieces, each with its head
  uint32_t check = 0;          // CRC-32C of these
  bool is_back = false;

  bool operator==(const BatchHead&) const = default;
};

void write_journal_head(const JournalHead& head, ByteWriter& writer);
// `file_bytes` is how long the file is. Refuses what is no journal (bad_magic), a version
// that is not known (unsupported_version), a wrong check (check_mismatch), parts that the
// file has no room for (malformed).
Status read_journal_head(ByteView bytes, uint64_t file_bytes, JournalHead* head);

void write_unit(const JournalUnit& unit, ByteWriter& writer);
void write_stash(const JournalStash& stash, ByteWriter& writer);
// `tables` are the tables_bytes() behind the head. Refuses a wrong check (check_mismatch),
// and ranges that are not within base, result and stash (malformed).
Status read_tables(const JournalHead& head, ByteView tables,
                   std::vector<JournalUnit>* units, std::vector<JournalStash>* stash);

void write_batch_head(const BatchHead& batch, ByteWriter& writer);
// Refuses what is not a batch of this journal (malformed, check_mismatch): among it, what
// was torn while it was written.
Status read_batch_head(const JournalHead& head, ByteView bytes, BatchHead* batch);

}  // namespace mallorn::apply
