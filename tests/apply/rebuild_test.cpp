// Whole patches applied: what comes out, and what is refused.
#include "mallorn-apply/rebuild.hpp"

#include <doctest/doctest.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>

#include "libcommon/error.hpp"
#include "tests/apply/patches.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadePatch;

namespace {

Status apply_patch(const Bytes& patch, const Bytes& base, unsigned threads = 1) {
  return test::status_of([&] {
    const Fd base_file = test::file_of(base);
    const MappedFile mapped(base_file, "base");
    const Fd patch_file = test::file_of(patch);
    apply::PatchReader reader(patch_file.get(), "patch");
    apply::rebuild(reader, mapped, nullptr, {threads, false});
  });
}

Bytes compressed(const Bytes& bytes, int window_log = 0) {
  Bytes coded(ZSTD_compressBound(bytes.size()) + 1);
  coded[0] = static_cast<uint8_t>(RecordKind::zstd_run);
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  if (window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setPledgedSrcSize(context, ZSTD_CONTENTSIZE_UNKNOWN);
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer output{coded.data(), coded.size(), 1};
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue);
  REQUIRE(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  coded.resize(output.pos);
  return coded;
}

MadePatch small_patch(uint64_t seed) {
  test::Random random(seed);
  return test::make_patch(random, 2000, 3, 8);
}

}  // namespace

TEST_CASE("rebuild: makes the result, with any number of threads") {
  test::Random random = test::seeded("rebuild");
  for (int round = 0; round < test::rounds(10); ++round) {
    const MadePatch patch =
        test::make_patch(random, random.length(20000), random.below(12), 10);
    for (const unsigned threads : {1u, 2u, 8u}) {
      const test::TemporaryFolder folder;
      test::write_file(folder / "base", patch.base);
      const MappedFile base(folder / "base");
      const Fd file = test::file_of(patch.bytes());
      apply::PatchReader reader(file.get(), "patch");
      Output output(folder / "result", false);
      apply::rebuild(reader, base, &output, {threads, false});
      REQUIRE(test::read_file(folder / "result") == patch.result);
    }
    REQUIRE(apply_patch(patch.bytes(), patch.base) == Status::ok);
  }
}

TEST_CASE("rebuild: a wrong base is told apart from a damaged patch") {
  const MadePatch patch = small_patch(41);
  Bytes other = patch.base;
  other[1000] ^= 1;
  CHECK(apply_patch(patch.bytes(), other) == Status::base_mismatch);
  other = patch.base;
  other.push_back(0);
  CHECK(apply_patch(patch.bytes(), other) == Status::base_mismatch);
  CHECK(apply_patch(patch.bytes(), {}) == Status::base_mismatch);
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::ok);
}

TEST_CASE("rebuild: failure leaves nothing under the output's name") {
  const MadePatch patch = small_patch(42);
  Bytes damaged = patch.bytes();
  damaged[damaged.size() - 10] ^= 4;
  const test::TemporaryFolder folder;
  test::write_file(folder / "base", patch.base);
  const MappedFile base(folder / "base");
  Bytes shorter = patch.bytes();
  shorter.pop_back();
  for (const Bytes& bytes : {damaged, shorter}) {
    CHECK(test::status_of([&] {
            const Fd file = test::file_of(bytes);
            apply::PatchReader reader(file.get(), "patch");
            Output output(folder / "result", true);
            apply::rebuild(reader, base, &output, {4, false});
          }) != Status::ok);
    CHECK(folder.count() == 1);
  }
}

TEST_CASE("rebuild: every prefix of a patch is refused") {
  const MadePatch patch = small_patch(43);
  const Bytes bytes = patch.bytes();
  for (size_t length = 0; length < bytes.size(); length += length < 300 ? 1 : 17) {
    REQUIRE(
        apply_patch(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length)),
                    patch.base) != Status::ok);
  }
}

TEST_CASE(
    "rebuild: every bit flip in a record, its digests put right, is refused or harmless") {
  MadePatch patch = small_patch(44);
  patch.records.resize(1);
  patch.result.resize([&] {
    ByteReader reader(ByteView(patch.records[0]).subspan(1));
    return static_cast<size_t>(reader.varint());
  }());
  REQUIRE(apply_patch(patch.bytes(), patch.base) == Status::ok);
  const Bytes record = patch.records[0];
  size_t refused = 0;
  for (size_t bit = 0; bit < 8 * record.size(); bit += bit < 400 ? 1 : 23) {
    patch.records[0][bit / 8] = static_cast<uint8_t>(record[bit / 8] ^ 1u << bit % 8);
    refused +=
        apply_patch(patch.bytes(), patch.base) == Status::ok ? 0 : 1;  // ok: same digest
    patch.records[0] = record;
  }
  CHECK(refused > 300);
}

TEST_CASE("rebuild: results shorter or longer than the header says are refused") {
  const MadePatch patch = small_patch(45);
  PatchHeader header = patch.header();
  header.result_bytes += 1;
  CHECK(apply_patch(test::patch_bytes(header, patch.records), patch.base) ==
        Status::result_mismatch);
  header.result_bytes -= 2;
  CHECK(apply_patch(test::patch_bytes(header, patch.records), patch.base) ==
        Status::malformed);
  header = patch.header();
  header.result_digest[5] ^= 1;
  CHECK(apply_patch(test::patch_bytes(header, patch.records), patch.base) ==
        Status::result_mismatch);
  CHECK(apply_patch(test::patch_bytes(patch.header(), {}), patch.base) ==
        Status::result_mismatch);
}

TEST_CASE("rebuild: an empty result needs no record") {
  const Bytes base(100, 1);
  CHECK(apply_patch(test::patch_bytes(test::header_for(base, {}), {}), base) == Status::ok);
  CHECK(apply_patch(test::patch_bytes(test::header_for({}, {}), {}), {}) == Status::ok);
}

TEST_CASE("rebuild: a chunk whose check is wrong is refused before the end") {
  MadePatch patch = small_patch(46);
  ChunkView view;
  REQUIRE(read_chunk(ByteView(patch.records[0]).subspan(1), &view) == Status::ok);
  Bytes& record = patch.records[0];
  std::array<uint8_t, 4> bytes{};
  store_le(bytes.data(), view.header.check);
  const auto check = std::search(record.begin(), record.end(), bytes.begin(), bytes.end());
  REQUIRE(check != record.end());
  *check ^= 1;
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::check_mismatch);
}

TEST_CASE(
    "rebuild: unknown records are refused, the whole result must come first and alone") {
  MadePatch patch = small_patch(47);
  const std::vector<Bytes> records = patch.records;
  patch.records.push_back({2, 0});
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::malformed);
  patch.records = records;
  patch.records.push_back(compressed({}));
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::malformed);
  patch.records = {compressed(patch.result)};
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::ok);
  patch.records.push_back(records[0]);
  CHECK(apply_patch(patch.bytes(), patch.base) == Status::malformed);
}

TEST_CASE("rebuild: a feature that is used and not declared is refused") {
  const auto status = [](const MadePatch& patch, uint32_t features) {
    PatchHeader header = patch.header();
    header.features = features;
    return apply_patch(test::patch_bytes(header, patch.records), patch.base);
  };
  MadePatch patch = small_patch(50);  // has bytes of its own, but no zstd
  CHECK(status(patch, kKnownFeatures) == Status::ok);
  CHECK(status(patch, kFeatureZstd) == Status::malformed);
  patch.records = {compressed(patch.result)};
  CHECK(status(patch, kFeatureZstd) == Status::ok);
  CHECK(status(patch, kFeatureStructure) == Status::malformed);
}

TEST_CASE("rebuild: the whole result in many records") {
  test::Random random(48);
  MadePatch patch;
  patch.result = random.text(300000);
  const Bytes whole = compressed(patch.result);
  for (size_t at = 1; at < whole.size(); at += 1000) {
    Bytes record = {static_cast<uint8_t>(RecordKind::zstd_run)};
    record.insert(
        record.end(), whole.begin() + static_cast<ptrdiff_t>(at),
        whole.begin() + static_cast<ptrdiff_t>(std::min(at + 1000, whole.size())));
    patch.records.push_back(record);
  }
  CHECK(apply_patch(patch.bytes(), {}) == Status::ok);
  patch.records.pop_back();
  CHECK(apply_patch(patch.bytes(), {}) != Status::ok);
}

TEST_CASE("rebuild: standard output is not written to before the base has been checked") {
  // With null as output the base is checked first: damage in the patch's end does not show.
  const MadePatch patch = small_patch(49);
  Bytes damaged = patch.bytes();
  damaged.resize(damaged.size() - 5);
  Bytes other = patch.base;
  other[0] ^= 1;
  CHECK(apply_patch(damaged, other) == Status::base_mismatch);
}

namespace {

// The last chunk is the first again; so is what comes behind it.
MadePatch with_again(uint64_t seed) {
  MadePatch patch = small_patch(seed);
  ByteReader reader(ByteView(patch.records[0]).subspan(1));
  const auto length = static_cast<size_t>(reader.varint());
  const Bytes first(patch.result.begin(),
                    patch.result.begin() + static_cast<ptrdiff_t>(length));
  for (int i = 0; i < 2; ++i) {
    const size_t back =
        test::patch_bytes({}, patch.records).size() - kPatchHeaderFixedBytes - 1;
    Bytes record(kMaxAgainRecordBytes);
    ByteWriter writer(record);
    writer.u8(static_cast<uint8_t>(RecordKind::again));
    write_chunk_again({back, patch.result.size()}, writer);
    record.resize(writer.size());
    patch.records.push_back(record);
    patch.result.insert(patch.result.end(), first.begin(), first.end());
  }
  return patch;
}

// Where that throws nothing, the result is right.
void rebuild_from(int fd, const Bytes& base, unsigned threads) {
  apply::PatchReader reader(fd, "patch");
  const Fd file = test::file_of(base);
  const MappedFile mapped(file, "base");
  apply::rebuild(reader, mapped, nullptr, {threads, false});
}

}  // namespace

TEST_CASE("rebuild: a chunk is made again, of a file or a stream") {
  for (uint64_t seed = 1; seed < 10; ++seed) {
    const MadePatch patch = with_again(seed);
    for (const unsigned threads : {1u, 4u}) {
      CHECK(apply_patch(patch.bytes(), patch.base, threads) == Status::ok);
    }
    const test::Drip drip(patch.bytes(), 100);
    rebuild_from(drip.fd(), patch.base, 2);
  }
}

TEST_CASE("rebuild: a patch that begins amid a file has its records there") {
  const MadePatch patch = with_again(3);
  Bytes bytes(77, 5);
  const Bytes tail = patch.bytes();
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  const Fd file = test::file_of(bytes);
  REQUIRE(::lseek(file.get(), 77, SEEK_SET) == 77);
  rebuild_from(file.get(), patch.base, 1);
}

TEST_CASE("rebuild: a chunk is not made again without the feature") {
  const MadePatch patch = with_again(1);
  PatchHeader header = patch.header();
  header.features &= ~kFeatureAgain;
  CHECK(apply_patch(test::patch_bytes(header, patch.records), patch.base) ==
        Status::malformed);
}

TEST_CASE("rebuild: a chunk is not made again whose record is long for what it makes") {
  MadePatch patch = with_again(1);
  ChunkHeader header;  // a payload that nobody has to read
  header.result_bytes = header.coded_result_bytes = header.section_count = 1;
  header.sections[0] = {CodecId::zstd, Dtype::u8, false, 1, 3000};
  Bytes record(4096);
  ByteWriter writer(record);
  writer.u8(static_cast<uint8_t>(RecordKind::chunk));
  write_chunk_header(header, writer);
  Bytes again(kMaxAgainRecordBytes);
  ByteWriter back(again);
  back.u8(static_cast<uint8_t>(RecordKind::again));
  write_chunk_again({4096 + 2, 1}, back);
  again.resize(back.size());
  patch.records = {record, again};
  patch.result = {0, 0};
  const Bytes bytes = patch.bytes();
  const Fd file = test::file_of(bytes);
  apply::PatchReader reader(file.get(), "patch");
  REQUIRE(reader.next(&record));
  REQUIRE(reader.chunk_at(record, 0).result_bytes == 1);
  REQUIRE(reader.next(&again));
  CHECK(test::status_of([&] { (void)reader.chunk_at(again, 1); }) ==
        Status::limit_exceeded);
}
