#include "mallorn-pack/patch_writer.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/patch_reader.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes write_patch(const std::vector<Bytes>& records, PatchHeader header = {}) {
  const test::TemporaryFolder folder;
  pack::PatchWriter writer;
  for (const Bytes& record : records) writer.add(record);
  Output output(folder / "patch", false);
  const uint64_t body_bytes = writer.body_bytes();
  writer.write(header, output);
  output.commit();
  const Bytes patch = test::read_file(folder / "patch");
  CHECK(patch.size() == kPatchHeaderFixedBytes + header.model_id_bytes + body_bytes);
  return patch;
}

std::vector<Bytes> read_patch(const Bytes& patch, PatchHeader* header) {
  const Fd file = test::file_of(patch);
  apply::PatchReader reader(file.get(), "patch");
  *header = reader.header();
  std::vector<Bytes> records;
  Bytes record;
  while (reader.next(&record)) records.push_back(record);
  return records;
}

}  // namespace

TEST_CASE("patch writer: a reader finds the header and the records") {
  test::Random random = test::seeded("patch writer");
  for (int round = 0; round < 20; ++round) {
    std::vector<Bytes> records;
    for (uint64_t i = random.below(6); i > 0; --i) {
      records.push_back(random.bytes(1 + random.length(300000)));
    }
    PatchHeader header;
    header.base_bytes = random();
    header.result_bytes = random();
    header.base_digest.fill(random.byte());
    header.memory_kib = 77;
    header.model_id_bytes = static_cast<uint8_t>(random.below(65));
    PatchHeader read;
    REQUIRE(read_patch(write_patch(records, header), &read) == records);
    REQUIRE(read.base_bytes == header.base_bytes);
    REQUIRE(read.result_bytes == header.result_bytes);
    REQUIRE(read.base_digest == header.base_digest);
    REQUIRE(read.memory_kib == header.memory_kib);
    REQUIRE(read.model_id_bytes == header.model_id_bytes);
  }
}

TEST_CASE("patch writer: a body without records is its end mark") {
  PatchHeader header;
  const Bytes patch = write_patch({});
  CHECK(patch.size() == kPatchHeaderFixedBytes + 1);
  CHECK(patch.back() == 0);
  CHECK(read_patch(patch, &header).empty());
  CHECK(header.body_bytes == 1);
}

TEST_CASE("patch writer: bodies longer than its memory are spooled and come out the same") {
  test::Random random(19);
  std::vector<Bytes> records;
  for (int i = 0; i < 20; ++i)
    records.push_back(random.bytes(1000000));  // of 8 MiB in memory
  PatchHeader header;
  CHECK(read_patch(write_patch(records), &header) == records);
}

TEST_CASE("patch writer: the same records give the same bytes") {
  const Bytes record = test::Random(20).bytes(5000);
  CHECK(write_patch({record, record}) == write_patch({record, record}));
}

TEST_CASE("patch writer: the longest record a reader takes, and nothing beyond") {
  PatchHeader header;
  const Bytes longest(kMaxRecordBytes, 1);
  CHECK(read_patch(write_patch({longest}), &header) == std::vector<Bytes>{longest});
  pack::PatchWriter writer;
  CHECK(test::status_of([&] { writer.add(Bytes(kMaxRecordBytes + 1, 1)); }) ==
        Status::internal);
  CHECK(test::status_of([&] { writer.add({}); }) == Status::internal);
  CHECK(writer.body_bytes() == 1);
}

TEST_CASE("patch writer: a chunk again says how far back its record is, and its place") {
  const test::TemporaryFolder folder;
  pack::PatchWriter writer;
  const Bytes first(300, 0);
  const Bytes second = {0, 1, 2};
  writer.add_chunk(0, first);
  writer.add_chunk(1000, second);
  writer.add_again(1500, 1000);
  writer.add_again(2000, 0);
  Output output(folder / "patch", false);
  writer.write({}, output);
  output.commit();
  PatchHeader header;
  const std::vector<Bytes> records = read_patch(test::read_file(folder / "patch"), &header);
  REQUIRE(records.size() == 4);
  const auto again = [](const Bytes& record) {
    ChunkAgain read;
    REQUIRE(record[0] == static_cast<uint8_t>(RecordKind::again));
    REQUIRE(read_chunk_again(ByteView(record).subspan(1), &read) == Status::ok);
    return read;
  };
  CHECK(again(records[2]) == ChunkAgain{4, 500});
  CHECK(again(records[3]) == ChunkAgain{302 + 4 + 1 + records[2].size(), 2000});
}
