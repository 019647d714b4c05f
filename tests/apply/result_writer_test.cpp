#include "mallorn-apply/result_writer.hpp"

#include <doctest/doctest.h>

#include "libcommon/error.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("result writer: pieces of all sizes arrive in order, counted and hashed") {
  test::Random random = test::seeded("result writer");
  for (int round = 0; round < 8; ++round) {
    const Bytes bytes = random.bytes(random.length(2000000));
    const test::TemporaryFolder folder;
    Output output(folder / "out", false);
    apply::ResultWriter writer(&output, bytes.size());
    for (size_t at = 0; at < bytes.size();) {
      const size_t length = std::min(random.length(400000), bytes.size() - at);
      writer.write(ByteView(bytes).subspan(at, length));
      at += length;
      REQUIRE(writer.written() == at);
    }
    REQUIRE(writer.finish() == sha256(bytes));
    output.commit();
    REQUIRE(test::read_file(folder / "out") == bytes);
  }
}

TEST_CASE("result writer: without an output it only hashes") {
  const Bytes bytes = test::Random(53).bytes(100000);
  apply::ResultWriter writer(nullptr, UINT64_MAX);
  writer.write(bytes);
  writer.write({});
  CHECK(writer.finish() == sha256(bytes));
  apply::ResultWriter nothing(nullptr, 0);
  CHECK(nothing.finish() == sha256({}));
}

TEST_CASE("result writer: one byte more than the limit is refused, and not written") {
  apply::ResultWriter writer(nullptr, 10);
  writer.write(Bytes(9, 1));
  CHECK(test::status_of([&] { writer.write(Bytes(2, 1)); }) == Status::result_mismatch);
  CHECK(writer.written() == 9);
  writer.write(Bytes(1, 1));
  CHECK(test::status_of([&] { writer.write(Bytes(1, 1)); }) == Status::result_mismatch);
  CHECK(writer.finish() == sha256(Bytes(10, 1)));
}
