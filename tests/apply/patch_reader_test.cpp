#include "mallorn-apply/patch_reader.hpp"

#include <doctest/doctest.h>

#include "libcommon/error.hpp"
#include "tests/apply/patches.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

std::vector<Bytes> read_all(int fd) {
  apply::PatchReader reader(fd, "patch");
  std::vector<Bytes> records;
  Bytes record;
  while (reader.next(&record)) records.push_back(record);
  return records;
}

Status read_status(const Bytes& patch) {
  const Fd file = test::file_of(patch);
  return test::status_of([&] { (void)read_all(file.get()); });
}

const std::vector<Bytes> kRecords = {{0, 1, 2, 3}, {1}, Bytes(200, 7)};

PatchHeader small_header() {
  PatchHeader header;
  header.model_id_bytes = 3;
  header.model_id = {'a', 'b', 'c'};
  return header;
}

// A patch whose body is `body`, which the header names.
Bytes with_body(const Bytes& body) {
  PatchHeader header;
  header.body_bytes = body.size();
  header.body_digest = sha256(body);
  Bytes patch(kMaxPatchHeaderBytes);
  patch.resize(write_patch_header(header, patch));
  patch.insert(patch.end(), body.begin(), body.end());
  return patch;
}

}  // namespace

TEST_CASE("patch reader: records come in order, however reads are cut") {
  const Bytes patch = test::patch_bytes(small_header(), kRecords);
  const Fd file = test::file_of(patch);
  CHECK(read_all(file.get()) == kRecords);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{146}}) {
    const test::Drip drip(patch, piece);
    CHECK(read_all(drip.fd()) == kRecords);
  }
}

TEST_CASE("patch reader: every proper prefix is refused as truncated") {
  const Bytes patch = test::patch_bytes(small_header(), kRecords);
  for (size_t length = 0; length < patch.size(); ++length) {
    CAPTURE(length);
    REQUIRE(
        read_status(Bytes(patch.begin(), patch.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
}

TEST_CASE("patch reader: signatures stand before the records, none to the most") {
  const Bytes unsigned_patch = test::patch_bytes(small_header(), kRecords);
  std::vector<PatchSignature> signatures;
  for (uint8_t count = 0; count <= kMaxPatchSignatures; ++count) {
    const Bytes patch = test::signed_bytes(unsigned_patch, signatures);
    CHECK(patch.size() == unsigned_patch.size() + count * kPatchSignatureBytes);
    const Fd file = test::file_of(patch);
    apply::PatchReader reader(file.get(), "patch");
    CHECK(reader.front().signatures == signatures);
    CHECK(reader.front().length_bytes() == 149 + count * kPatchSignatureBytes);
    Bytes record;
    REQUIRE(reader.next(&record));
    CHECK(record == kRecords[0]);
    signatures.push_back({{count, 1}, {count, 2, 3}});
  }
  signatures.pop_back();
  const Bytes patch = test::signed_bytes(unsigned_patch, signatures);
  for (size_t length = 0; length < patch.size(); ++length) {
    REQUIRE(
        read_status(Bytes(patch.begin(), patch.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
}

TEST_CASE("patch reader: every single-bit flip is refused") {
  const Bytes patch = test::patch_bytes(small_header(), kRecords);
  for (size_t bit = 0; bit < 8 * patch.size(); ++bit) {
    Bytes flipped = patch;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(read_status(flipped) != Status::ok);
  }
}

TEST_CASE("patch reader: what is no patch is told apart") {
  CHECK(read_status(Bytes(200, 'x')) == Status::bad_magic);
  CHECK(read_status({'x', 'y', 'z', 0}) == Status::bad_magic);
  CHECK(read_status({0x8D, 'M', 'L', 'S', 0, 0, 0, 0}) == Status::bad_magic);
  CHECK(read_status({}) == Status::truncated);
  Bytes newer = test::patch_bytes({}, kRecords);
  newer[4] = 1;
  CHECK(read_status(newer) == Status::unsupported_version);
}

TEST_CASE("patch reader: bytes after the end are refused") {
  Bytes patch = test::patch_bytes(small_header(), kRecords);
  patch.push_back(0);
  CHECK(read_status(patch) == Status::trailing_bytes);
}

TEST_CASE("patch reader: a body that is not the header's is refused") {
  Bytes patch = test::patch_bytes({}, kRecords);
  patch[patch.size() - 2] ^= 1;
  CHECK(read_status(patch) == Status::corrupt_data);
}

TEST_CASE("patch reader: lengths of records, with digests that are right") {
  CHECK(read_status(with_body({0})) == Status::ok);
  CHECK(read_status(with_body({1, 9, 0})) == Status::ok);
  CHECK(read_status(with_body({0x81, 0x00, 9, 0})) == Status::ok);  // not minimal
  CHECK(read_status(with_body({2, 9, 0})) ==
        Status::malformed);  // takes the end mark along
  CHECK(read_status(with_body({0x7F, 9, 0})) ==
        Status::malformed);                                    // past the end of the body
  CHECK(read_status(with_body({0, 0})) == Status::malformed);  // end mark before the end
  CHECK(read_status(with_body({0, 1, 9, 0})) == Status::malformed);
  CHECK(read_status(with_body({1, 9})) == Status::malformed);           // no end mark
  CHECK(read_status(with_body(Bytes(10, 0xFF))) == Status::malformed);  // over 64 bits
}

TEST_CASE("patch reader: the longest record, one byte less, one more") {
  const auto with_record = [](uint64_t length) {
    return read_status(test::patch_bytes({}, {Bytes(length, 3)}));
  };
  CHECK(with_record(kMaxRecordBytes - 1) == Status::ok);
  CHECK(with_record(kMaxRecordBytes) == Status::ok);
  CHECK(with_record(kMaxRecordBytes + 1) == Status::limit_exceeded);
}

TEST_CASE("patch reader: a length is not believed, nothing is allocated for it") {
  PatchHeader header;
  header.body_bytes = UINT64_MAX;
  Bytes patch(kMaxPatchHeaderBytes);
  patch.resize(write_patch_header(header, patch));
  patch.insert(patch.end(), 8, 0xFF);
  patch.push_back(0x7F);
  CHECK(read_status(patch) == Status::limit_exceeded);
}

TEST_CASE("patch reader: faults name the patch and the byte where the record begins") {
  const Bytes patch = with_body({1, 9, 0x7F, 9, 0});
  const Fd file = test::file_of(patch);
  try {
    (void)read_all(file.get());
    FAIL("not thrown");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "patch: byte 148: record ends past the end of the body");
  }
}
