// Any bytes as a journal, as they are and with checks put right: an Error, or pieces that
// stay within the result, there and on the way back, and a stash that stays within the
// base.
//
// The input is a head with undo records and tables, its length before it in two bytes; what
// is left of it is a batch.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/error.hpp"
#include "mallorn-apply/journal_file.hpp"
#include "mallorn-apply/undo_record.hpp"
#include "mallorn-apply/unit_restorer.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

using namespace mallorn;
using namespace mallorn::apply;

constexpr uint64_t kFileBytes = 8 * kJournalBlockBytes;
constexpr size_t kTablesCheckOffset = 85;
constexpr uint64_t kMaxResultBytes = 1u << 20;

struct Parts {
  std::vector<uint8_t> head;  // and undo records, and tables
  std::vector<uint8_t> batch;
};

Parts parts_of(ByteView bytes) {
  ByteReader reader(bytes);
  const uint64_t length = reader.u16();
  const ByteView head = reader.bytes(std::min<uint64_t>(length, reader.remaining()));
  const ByteView batch = reader.bytes(reader.remaining());
  return {{head.begin(), head.end()}, {batch.begin(), batch.end()}};
}

void put_check(ByteSpan bytes) {
  const size_t checked = bytes.size() - 4;
  store_le(bytes.data() + checked, crc32c(0, bytes.first(checked)));
}

// Checks of records that are coded as they are, as long as one follows the other.
void put_undo_checks(ByteSpan records) {
  UndoHead head;
  while (records.size() >= kUndoHeadBytes && read_undo_head(records, &head) == Status::ok) {
    const ByteSpan rest = records.subspan(kUndoHeadBytes);
    if (head.rest_bytes() > rest.size()) return;
    if (head.coding == UndoCoding::bytes) {
      store_le(records.data() + 9, crc32c(0, rest.first(head.rest_bytes())));
    }
    records = rest.subspan(head.rest_bytes());
  }
}

// As a writer would have it: magic numbers and checks; a stash of zeros.
void put_right(Parts* parts) {
  parts->head.resize(std::max(parts->head.size(), kJournalHeadBytes));
  std::copy(kJournalMagic.begin(), kJournalMagic.end(), parts->head.begin());
  parts->head[4] = kJournalVersion;
  const ByteSpan head = ByteSpan(parts->head).first(kJournalHeadBytes);
  put_check(head);
  JournalHead read;
  if (read_journal_head(head, kFileBytes, &read) != Status::ok) return;
  const auto undo_bytes = static_cast<size_t>(read.undo_bytes);
  const auto tables_bytes = static_cast<size_t>(read.tables_bytes());
  parts->head.resize(kJournalHeadBytes + undo_bytes + tables_bytes);
  put_undo_checks(ByteSpan(parts->head).subspan(kJournalHeadBytes, undo_bytes));
  const ByteSpan tables = ByteSpan(parts->head).last(tables_bytes);
  for (uint64_t i = 0; i < read.stash_count; ++i) {
    uint8_t* const stash =
        tables.data() + read.unit_count * kJournalUnitBytes + i * kJournalStashBytes;
    const uint64_t length = std::min<uint64_t>(load_le<uint64_t>(stash + 8), kFileBytes);
    store_le(stash + 16, crc32c(0, std::vector<uint8_t>(static_cast<size_t>(length))));
  }
  store_le(parts->head.data() + kTablesCheckOffset, crc32c(0, tables));
  put_check(ByteSpan(parts->head).first(kJournalHeadBytes));
  if (parts->batch.size() < kBatchHeadBytes) return;
  BatchHead batch{1, 0, parts->batch.size() - kBatchHeadBytes, 0};
  batch.units_done = parts->batch[12] % (read.unit_count + 1);
  batch.is_back = read.has_undo && parts->batch[32] % 2 == 1;
  batch.check = crc32c(0, ByteView(parts->batch).subspan(kBatchHeadBytes));
  ByteWriter writer(ByteSpan(parts->batch).first(kBatchHeadBytes));
  write_batch_head(batch, writer);
}

void use(const Parts& parts) {
  const Fd base = fuzz::file_of(std::vector<uint8_t>(4096));
  Fd file = fuzz::file_of(parts.head);
  if (::ftruncate(file.get(), kFileBytes) != 0) std::abort();
  JournalHead head;
  if (parts.head.size() >= kJournalHeadBytes &&
      read_journal_head(ByteView(parts.head).first(kJournalHeadBytes), kFileBytes, &head) ==
          Status::ok) {
    write_full_at(file.get(), head.slot_offset(1), parts.batch, "journal");
    if (::ftruncate(file.get(), kFileBytes) != 0) std::abort();
  }
  try {
    JournalFile journal(std::move(file), "journal");
    journal.load();
    if (journal.batch().units_done > journal.units().size()) std::abort();
    if (journal.head().base_bytes > 8 * kJournalBlockBytes) return;
    BaseView view(base, journal.head().base_bytes, "base");
    journal.show_stash(&view);
    if (journal.head().result_bytes > kMaxResultBytes) return;
    const Fd model = fuzz::file_of({});
    if (journal.batch().sequence != 0) {
      journal.replay(model.get(), "model");
      restore_units(journal, model, "model");
    }
    struct stat info {};
    if (::fstat(model.get(), &info) != 0 ||
        static_cast<uint64_t>(info.st_size) > journal.head().result_bytes) {
      std::abort();
    }
  } catch (const Error& error) {
    if (error.status() == Status::internal || error.status() == Status::io) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Parts parts = parts_of({data, size});
  use(parts);
  put_right(&parts);
  use(parts);
  return 0;
}
