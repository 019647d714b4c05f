// The journal's bytes: what is written is read, what is not as it should be is refused.
#include "mallorn-apply/journal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>

#include "libcommon/core/crc32c.hpp"
#include "mallorn-apply/journal_maker.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using namespace mallorn::apply;
using test::Bytes;

namespace {

constexpr uint64_t kBlock = kJournalBlockBytes;
constexpr uint64_t kBaseBytes = 3 * kBlock + 100;

struct Tables {
  std::vector<JournalUnit> units = {{UnitKind::chunk, 500, 0, 1000, 1, {30, 70}},
                                    {UnitKind::copy, 7, 2000, kBlock, 2, {0, 30}}};
  std::vector<JournalStash> stash = {{{0, kBlock}, 3}, {{2 * kBlock, 2 * kBlock}, 4}};

  Bytes bytes() const {
    Bytes bytes(units.size() * kJournalUnitBytes + stash.size() * kJournalStashBytes);
    ByteWriter writer(bytes);
    for (const JournalUnit& unit : units) write_unit(unit, writer);
    for (const JournalStash& each : stash) write_stash(each, writer);
    REQUIRE(writer.size() == bytes.size());
    return bytes;
  }
};

JournalHead head_for(const Tables& tables) {
  JournalHead head;
  head.patch_digest.fill(9);
  head.base_bytes = kBaseBytes;
  head.result_bytes = 2 * kBlock;
  head.unit_count = tables.units.size();
  head.stash_count = tables.stash.size();
  head.stash_bytes = 3 * kBlock;
  head.slot_bytes = 2 * kBlock;
  head.has_undo = true;
  head.undo_bytes = 100;
  head.tables_check = crc32c(0, tables.bytes());
  return head;
}

Bytes bytes_of(const JournalHead& head) {
  Bytes bytes(kJournalHeadBytes);
  ByteWriter writer(bytes);
  write_journal_head(head, writer);
  REQUIRE(writer.size() == bytes.size());
  return bytes;
}

Status status_of(const JournalHead& head, uint64_t file_bytes) {
  JournalHead read;
  return read_journal_head(bytes_of(head), file_bytes, &read);
}

Status status_of(const Tables& tables) {
  std::vector<JournalUnit> units;
  std::vector<JournalStash> stash;
  return read_tables(head_for(tables), tables.bytes(), &units, &stash);
}

}  // namespace

TEST_CASE("journal: a head is read as it was written; with a bit flipped it is refused") {
  const JournalHead head = head_for({});
  const Bytes bytes = bytes_of(head);
  JournalHead read;
  CHECK(read_journal_head(bytes, head.file_bytes(), &read) == Status::ok);
  CHECK(read == head);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(read_journal_head(flipped, head.file_bytes(), &read) != Status::ok);
  }
  CHECK(read_journal_head(ByteView(bytes).first(159), head.file_bytes(), &read) ==
        Status::truncated);
}

TEST_CASE("journal: parts that the file has no room for are refused, however long") {
  const JournalHead good = head_for({});
  CHECK(status_of(good, good.file_bytes() - 1) == Status::malformed);
  CHECK(status_of(good, good.file_bytes() + 5) == Status::ok);
  for (uint64_t JournalHead::*field :
       {&JournalHead::unit_count, &JournalHead::stash_count, &JournalHead::stash_bytes,
        &JournalHead::slot_bytes, &JournalHead::undo_bytes}) {
    for (const uint64_t value : {good.file_bytes(), uint64_t{1} << 40, uint64_t{1} << 63,
                                 UINT64_MAX / 20, UINT64_MAX}) {
      JournalHead head = good;
      head.*field = value;
      REQUIRE(status_of(head, good.file_bytes()) == Status::malformed);
      REQUIRE(status_of(head, UINT64_MAX) == Status::malformed);
    }
  }
  JournalHead head = good;
  head.slot_bytes = 0;
  CHECK(status_of(head, good.file_bytes()) == Status::malformed);
  head.slot_bytes = 1000;
  CHECK(status_of(head, good.file_bytes()) == Status::malformed);
  head = good;
  head.has_undo = false;
  CHECK(status_of(head, good.file_bytes()) == Status::malformed);
  head.undo_bytes = 0;
  CHECK(status_of(head, good.file_bytes()) == Status::ok);
}

TEST_CASE("journal: tables are read as they were written") {
  const Tables tables;
  std::vector<JournalUnit> units;
  std::vector<JournalStash> stash;
  CHECK(read_tables(head_for(tables), tables.bytes(), &units, &stash) == Status::ok);
  CHECK(units == tables.units);
  CHECK(stash == tables.stash);
  Bytes damaged = tables.bytes();
  damaged[40] ^= 1;
  CHECK(read_tables(head_for(tables), damaged, &units, &stash) == Status::check_mismatch);
  damaged.pop_back();
  CHECK(read_tables(head_for(tables), damaged, &units, &stash) == Status::truncated);
}

TEST_CASE("journal: units outside of base and result are refused") {
  const JournalUnit good = Tables().units[1];
  const auto with = [](JournalUnit unit) {
    Tables tables;
    tables.units[1] = unit;
    return status_of(tables);
  };
  CHECK(with(good) == Status::ok);
  JournalUnit unit = good;
  unit.result_offset = 2 * kBlock - 10;
  CHECK(with(unit) == Status::malformed);
  unit.result_offset = UINT64_MAX - 10;
  CHECK(with(unit) == Status::malformed);
  unit = good;
  unit.source = kBaseBytes - 10;
  CHECK(with(unit) == Status::malformed);
  unit.kind = UnitKind::chunk;  // then it is a place in the patch
  CHECK(with(unit) == Status::ok);
  unit = good;
  unit.result_bytes = 0;
  CHECK(with(unit) == Status::malformed);
  unit.result_bytes = UINT64_MAX;
  CHECK(with(unit) == Status::malformed);
  unit = good;
  unit.kind = static_cast<UnitKind>(3);
  CHECK(with(unit) == Status::malformed);
  unit = good;
  unit.undo.offset = 71;
  CHECK(with(unit) == Status::malformed);
  unit.undo = {0, 31};  // more than there is for all units
  CHECK(with(unit) == Status::malformed);
}

TEST_CASE(
    "journal: stashes are whole blocks of the base, in order, and as long as is said") {
  const auto with = [](std::vector<JournalStash> stash) {
    Tables tables;
    tables.stash = std::move(stash);
    return status_of(tables);
  };
  CHECK(with({{{0, 3 * kBlock}, 1}}) == Status::ok);
  CHECK(with({{{kBlock, 3 * kBlock}, 1}}) ==
        Status::ok);  // the last is cut off by the base
  CHECK(with({{{2 * kBlock, 3 * kBlock}, 1}}) == Status::malformed);
  CHECK(with({{{0, 2 * kBlock}, 1}}) == Status::malformed);
  CHECK(with({{{0, 2 * kBlock}, 1}, {{kBlock, kBlock}, 1}}) == Status::malformed);
  CHECK(with({{{kBlock, 2 * kBlock}, 1}, {{0, kBlock}, 1}}) == Status::malformed);
  CHECK(with({{{1, 3 * kBlock}, 1}}) == Status::malformed);
  CHECK(with({{{0, 3 * kBlock - 1}, 1}, {{3 * kBlock, 1}, 1}}) == Status::malformed);
  CHECK(with({{{0, 3 * kBlock}, 1}, {{3 * kBlock, 0}, 1}}) == Status::malformed);
  CHECK(with({{{0 - kBlock, 2 * kBlock}, 1}, {{0, kBlock}, 1}}) == Status::malformed);
}

TEST_CASE("journal: a batch that is torn, empty or too long is none") {
  const JournalHead head = head_for({});
  const auto bytes_of_batch = [](const BatchHead& batch) {
    Bytes bytes(kBatchHeadBytes);
    ByteWriter writer(bytes);
    write_batch_head(batch, writer);
    REQUIRE(writer.size() == bytes.size());
    return bytes;
  };
  BatchHead good{7, 2, 2 * kBlock - kBatchHeadBytes, 5, true};
  BatchHead read;
  CHECK(read_batch_head(head, bytes_of_batch(good), &read) == Status::ok);
  CHECK(read == good);
  JournalHead without_undo = head;
  without_undo.has_undo = false;
  CHECK(read_batch_head(without_undo, bytes_of_batch(good), &read) == Status::malformed);
  good.is_back = false;
  CHECK(read_batch_head(without_undo, bytes_of_batch(good), &read) == Status::ok);
  for (size_t bit = 0; bit < 8 * kBatchHeadBytes; ++bit) {
    Bytes flipped = bytes_of_batch(good);
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(read_batch_head(head, flipped, &read) == Status::check_mismatch);
  }
  CHECK(read_batch_head(head, Bytes(kBatchHeadBytes), &read) != Status::ok);
  BatchHead batch = good;
  batch.payload_bytes += 1;
  CHECK(read_batch_head(head, bytes_of_batch(batch), &read) == Status::malformed);
  batch = good;
  batch.units_done = 3;
  CHECK(read_batch_head(head, bytes_of_batch(batch), &read) == Status::malformed);
  batch = good;
  batch.sequence = 0;
  CHECK(read_batch_head(head, bytes_of_batch(batch), &read) == Status::malformed);
}

TEST_CASE("journal file: keeps the last complete batch, and the old bytes") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.journal";
  const Bytes base = test::Random(3).bytes(3 * kBlock + 100);
  test::write_file(folder / "model", base);
  JournalPlan plan;
  plan.result_bytes = base.size() + 50;
  plan.units = {{UnitKind::copy, 0, 10, 20, 0, {0, 9}},
                {UnitKind::copy, 50, 100, 20, 0, {9, 5}}};
  plan.stash = {{5, 10}, {3 * kBlock + 7, 3}};
  plan.batch_bytes = 1000;
  plan.has_undo = true;
  const Fd model(::open((folder / "model").c_str(), O_RDWR));
  {
    JournalMaker maker(path);
    CHECK(maker.add_undo(Bytes(9, 'a')) == 0);
    CHECK(maker.add_undo(Bytes(5, 'b')) == 9);
    JournalFile journal = maker.make(plan, base);
    CHECK_FALSE(JournalFile::open(path));
    maker.publish(journal);
    {
      JournalMaker second(path);
      JournalFile again = second.make(plan, base);
      CHECK(test::status_of([&] { second.publish(again); }) == Status::cannot_create);
    }
    for (uint8_t done = 1; done <= 2; ++done) {
      journal.add(base.size() + done, Bytes(10, done));
      journal.commit(done);
    }
    journal.add(0, Bytes(10, 3));  // never committed
    CHECK(test::status_of([&] { journal.add(0, Bytes(70000)); }) == Status::malformed);
    CHECK(test::status_of([&] { journal.add(plan.result_bytes, Bytes(1)); }) ==
          Status::malformed);
  }
  std::optional<JournalFile> journal = JournalFile::open(path);
  REQUIRE(journal);
  journal->load();
  CHECK(journal->units() == plan.units);
  CHECK(journal->batch().sequence == 2);
  CHECK(journal->batch().units_done == 2);
  Bytes undo(5);
  journal->read_undo(9, undo);
  CHECK(undo == Bytes(5, 'b'));
  journal->write_batch_again();
  journal->replay(model.get(), "model");
  Bytes changed = test::read_file(folder / "model");
  REQUIRE(changed.size() == base.size() + 12);
  CHECK(changed.back() == 2);
  write_full_at(model.get(), 0, Bytes(100), "model");
  write_full_at(model.get(), 3 * kBlock, Bytes(100), "model");
  BaseView view(model, base.size(), "model");
  journal->show_stash(&view);
  CHECK(std::equal(base.begin(), base.end(), view.bytes().begin(), view.bytes().end()));
  journal->remove();
  CHECK(folder.count() == 1);  // the model
}
