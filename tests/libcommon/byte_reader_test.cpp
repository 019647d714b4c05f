#include "libcommon/core/byte_reader.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "libcommon/core/byte_writer.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("byte reader: reads what is there, in order") {
  const Bytes bytes = {1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xAC, 0x02, 9, 8};
  ByteReader reader(bytes, 100);
  CHECK(reader.offset() == 100);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 2);
  CHECK(reader.u32() == 3);
  CHECK(reader.u64() == 4);
  CHECK(reader.varint() == 300);
  CHECK(reader.remaining() == 2);
  const ByteView rest = reader.bytes(2);
  CHECK(rest.data() == bytes.data() + 17);
  CHECK(reader.at_end());
  CHECK(reader.ok());
  CHECK(reader.offset() == 119);
}

TEST_CASE("byte reader: the first fault stays, and everything after it is zero") {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes, 50);
  CHECK(reader.u8() == 1);
  CHECK(reader.u32() == 0);
  CHECK(reader.status() == Status::truncated);
  CHECK(reader.failed_at() == 51);
  CHECK(reader.u8() == 0);
  CHECK(reader.varint() == 0);
  CHECK(reader.bytes(1).empty());
  CHECK(reader.remaining() == 0);
  reader.fail(Status::malformed);
  CHECK(reader.status() == Status::truncated);
  CHECK(reader.failed_at() == 51);
}

TEST_CASE("byte reader: an array is filled whole or not at all") {
  const Bytes bytes = {1, 2, 3, 4, 5};
  ByteReader reader(bytes);
  Bytes to(3);
  reader.copy_to(to);
  CHECK(to == Bytes{1, 2, 3});
  reader.copy_to(to);
  CHECK(to == Bytes{1, 2, 3});
  CHECK(reader.status() == Status::truncated);
  reader.copy_to({});
}

TEST_CASE("byte reader: a caller's fault stops it as well") {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  reader.skip(2);
  reader.fail(Status::limit_exceeded);
  CHECK(reader.status() == Status::limit_exceeded);
  CHECK(reader.failed_at() == 2);
  CHECK(reader.u8() == 0);
}

TEST_CASE("byte reader: lengths one below, at and above what is left") {
  const Bytes bytes = {1, 2, 3};
  for (const uint64_t length : {uint64_t{0}, uint64_t{2}, uint64_t{3}}) {
    ByteReader reader(bytes);
    CHECK(reader.bytes(length).size() == length);
    CHECK(reader.ok());
  }
  for (const uint64_t length : {uint64_t{4}, uint64_t{1} << 32, UINT64_MAX}) {
    ByteReader reader(bytes);
    CHECK(reader.bytes(length).empty());
    CHECK(reader.status() == Status::truncated);
  }
  ByteReader nothing({});
  CHECK(nothing.bytes(0).empty());
  CHECK(nothing.ok());
  CHECK(nothing.u8() == 0);
  CHECK_FALSE(nothing.ok());
}

TEST_CASE("byte reader: varints, minimal or not, up to 64 bits") {
  const auto read = [](const Bytes& bytes, Status* status) {
    ByteReader reader(bytes);
    const uint64_t value = reader.varint();
    *status = reader.status();
    if (reader.ok()) CHECK(reader.at_end());
    return value;
  };
  Status status = Status::internal;
  CHECK(read({0x00}, &status) == 0);
  CHECK(status == Status::ok);
  CHECK(read({0x80, 0x80, 0x00}, &status) == 0);
  CHECK(status == Status::ok);
  CHECK(read({0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, &status) == 1);
  CHECK(status == Status::ok);
  CHECK(read({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, &status) ==
        UINT64_MAX);
  CHECK(status == Status::ok);
  CHECK(read({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}, &status) == 0);
  CHECK(status == Status::malformed);
  CHECK(read({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, &status) ==
        0);
  CHECK(status == Status::malformed);
  CHECK(read({0x80, 0x80}, &status) == 0);
  CHECK(status == Status::truncated);
}

TEST_CASE("byte reader: reads back what a byte writer wrote, and no prefix of it") {
  test::Random random = test::seeded("byte reader");
  for (int round = 0; round < 300; ++round) {
    Bytes space(64);
    ByteWriter writer(space);
    const uint64_t numbers[] = {random() >> random.below(64), random() >> random.below(64)};
    const Bytes blob = random.bytes(random.below(9));
    writer.varint(numbers[0]);
    writer.u32(static_cast<uint32_t>(numbers[0]));
    writer.bytes(blob);
    writer.varint(numbers[1]);
    REQUIRE(writer.ok());
    for (size_t length = 0; length <= writer.size(); ++length) {
      ByteReader reader(writer.written().first(length));
      const uint64_t first = reader.varint();
      const uint32_t fixed = reader.u32();
      const ByteView view = reader.bytes(blob.size());
      const uint64_t second = reader.varint();
      REQUIRE(reader.ok() == (length == writer.size()));
      if (!reader.ok()) {
        REQUIRE(reader.status() == Status::truncated);
        continue;
      }
      REQUIRE(first == numbers[0]);
      REQUIRE(fixed == static_cast<uint32_t>(numbers[0]));
      REQUIRE(Bytes(view.begin(), view.end()) == blob);
      REQUIRE(second == numbers[1]);
      REQUIRE(reader.at_end());
    }
  }
}
