#include "mallorn-apply/journal.hpp"

#include <algorithm>

#include "libcommon/fast_crc32c.hpp"

namespace mallorn::apply {
namespace {

constexpr std::array<uint8_t, 4> kBatchMagic = {0x8D, 'M', 'L', 'B'};
constexpr size_t kCheckBytes = 4;

uint64_t in_blocks(uint64_t bytes) {
  return (bytes + kJournalBlockBytes - 1) / kJournalBlockBytes * kJournalBlockBytes;
}

// Ends what was written from the beginning of `writer` with its check.
void write_check(ByteWriter& writer) { writer.u32(fast_crc32c(0, writer.written())); }

bool has_check(ByteView bytes) {
  const ByteView checked = bytes.first(bytes.size() - kCheckBytes);
  return load_le<uint32_t>(bytes.data() + checked.size()) == fast_crc32c(0, checked);
}

// Whether the parts have room in the file, and their lengths in 64 bits.
bool has_room(const JournalHead& head, uint64_t file_bytes) {
  if (head.unit_count > file_bytes / kJournalUnitBytes) return false;
  if (head.stash_count > file_bytes / kJournalStashBytes) return false;
  if (head.stash_bytes > file_bytes || head.slot_bytes > file_bytes / 2) return false;
  if (head.undo_bytes > file_bytes || (head.undo_bytes != 0 && !head.has_undo))
    return false;
  if (head.stash_bytes % kJournalBlockBytes != 0) return false;
  if (head.slot_bytes % kJournalBlockBytes != 0 || head.slot_bytes == 0) return false;
  return file_bytes <= INT64_MAX / 8 && head.file_bytes() <= file_bytes;
}

bool is_within(const JournalUnit& unit, const JournalHead& head) {
  return unit.result_bytes != 0 && unit.result_bytes <= kMaxChunkResult &&
         range_fits(unit.result_offset, unit.result_bytes, head.result_bytes) &&
         range_fits(unit.undo.offset, unit.undo.length, head.undo_bytes) &&
         (unit.kind != UnitKind::copy ||
          range_fits(unit.source, unit.result_bytes, head.base_bytes));
}

}  // namespace

uint64_t JournalHead::stash_offset() const {
  return in_blocks(tables_offset() + tables_bytes());
}

uint64_t JournalHead::slot_offset(uint64_t sequence) const {
  return stash_offset() + stash_bytes + sequence % 2 * slot_bytes;
}

uint64_t JournalHead::file_bytes() const {
  return stash_offset() + stash_bytes + 2 * slot_bytes;
}

void write_journal_head(const JournalHead& head, ByteWriter& writer) {
  writer.bytes(kJournalMagic);
  writer.u8(kJournalVersion);
  writer.bytes(head.patch_digest);
  for (const uint64_t number : {head.base_bytes, head.result_bytes, head.unit_count,
                                head.stash_count, head.stash_bytes, head.slot_bytes}) {
    writer.u64(number);
  }
  writer.u32(head.tables_check);
  writer.u8(head.has_undo ? 1 : 0);
  writer.u64(head.undo_bytes);
  while (writer.ok() && writer.size() < kJournalHeadBytes - kCheckBytes) writer.u8(0);
  write_check(writer);
}

Status read_journal_head(ByteView bytes, uint64_t file_bytes, JournalHead* head) {
  if (bytes.size() < kJournalHeadBytes) return Status::truncated;
  bytes = bytes.first(kJournalHeadBytes);
  ByteReader reader(bytes);
  std::array<uint8_t, 4> magic{};
  reader.copy_to(magic);
  if (magic != kJournalMagic) return Status::bad_magic;
  if (reader.u8() != kJournalVersion) return Status::unsupported_version;
  if (!has_check(bytes)) return Status::check_mismatch;
  JournalHead read;
  reader.copy_to(read.patch_digest);
  for (uint64_t* number : {&read.base_bytes, &read.result_bytes, &read.unit_count,
                           &read.stash_count, &read.stash_bytes, &read.slot_bytes}) {
    *number = reader.u64();
  }
  read.tables_check = reader.u32();
  const uint8_t has_undo = reader.u8();
  read.has_undo = has_undo == 1;
  read.undo_bytes = reader.u64();
  const ByteView reserved = bytes.subspan(static_cast<size_t>(reader.offset()));
  const bool is_zero = std::all_of(reserved.begin(), reserved.end() - kCheckBytes,
                                   [](uint8_t byte) { return byte == 0; });
  if (!is_zero || has_undo > 1 || !has_room(read, file_bytes)) return Status::malformed;
  *head = read;
  return Status::ok;
}

void write_unit(const JournalUnit& unit, ByteWriter& writer) {
  writer.u8(static_cast<uint8_t>(unit.kind));
  writer.u64(unit.source);
  writer.u64(unit.result_offset);
  writer.u64(unit.result_bytes);
  writer.u32(unit.check);
  writer.u64(unit.undo.offset);
  writer.u64(unit.undo.length);
}

void write_stash(const JournalStash& stash, ByteWriter& writer) {
  writer.u64(stash.range.offset);
  writer.u64(stash.range.length);
  writer.u32(stash.check);
}

Status read_tables(const JournalHead& head, ByteView tables,
                   std::vector<JournalUnit>* units, std::vector<JournalStash>* stash) {
  if (tables.size() != head.tables_bytes()) return Status::truncated;
  if (fast_crc32c(0, tables) != head.tables_check) return Status::check_mismatch;
  ByteReader reader(tables);
  units->resize(static_cast<size_t>(head.unit_count));
  uint64_t undo_left = head.undo_bytes;  // no record is two units'
  for (JournalUnit& unit : *units) {
    const uint8_t kind = reader.u8();
    if (kind > static_cast<uint8_t>(UnitKind::part)) return Status::malformed;
    unit = {
        static_cast<UnitKind>(kind), reader.u64(), reader.u64(), reader.u64(), reader.u32(),
        {reader.u64(), reader.u64()}};
    if (!is_within(unit, head) || unit.undo.length > undo_left) return Status::malformed;
    undo_left -= unit.undo.length;
  }
  stash->resize(static_cast<size_t>(head.stash_count));
  const uint64_t base_blocks =
      head.base_bytes / kJournalBlockBytes + (head.base_bytes % kJournalBlockBytes != 0);
  uint64_t next_block = 0;
  uint64_t total = 0;
  for (JournalStash& each : *stash) {
    each = {{reader.u64(), reader.u64()}, reader.u32()};
    const auto [offset, length] = each.range;
    if (offset % kJournalBlockBytes != 0 || length % kJournalBlockBytes != 0 ||
        length == 0 || offset / kJournalBlockBytes < next_block ||
        !range_fits(offset / kJournalBlockBytes, length / kJournalBlockBytes,
                    base_blocks)) {
      return Status::malformed;
    }
    next_block = (offset + length) / kJournalBlockBytes;
    total += length;
  }
  return total == head.stash_bytes ? reader.status() : Status::malformed;
}

void write_batch_head(const BatchHead& batch, ByteWriter& writer) {
  writer.bytes(kBatchMagic);
  writer.u64(batch.sequence);
  writer.u64(batch.units_done);
  writer.u64(batch.payload_bytes);
  writer.u32(batch.check);
  writer.u32(batch.is_back ? 1 : 0);
  write_check(writer);
}

Status read_batch_head(const JournalHead& head, ByteView bytes, BatchHead* batch) {
  if (bytes.size() < kBatchHeadBytes) return Status::truncated;
  bytes = bytes.first(kBatchHeadBytes);
  if (!has_check(bytes)) return Status::check_mismatch;
  ByteReader reader(bytes);
  std::array<uint8_t, 4> magic{};
  reader.copy_to(magic);
  BatchHead read{reader.u64(), reader.u64(), reader.u64(), reader.u32()};
  const uint32_t direction = reader.u32();
  read.is_back = direction == 1;
  if (magic != kBatchMagic || direction > 1 || read.sequence == 0 ||
      (read.is_back && !head.has_undo) || read.units_done > head.unit_count ||
      read.payload_bytes > head.slot_bytes - kBatchHeadBytes) {
    return Status::malformed;
  }
  *batch = read;
  return Status::ok;
}

}  // namespace mallorn::apply
