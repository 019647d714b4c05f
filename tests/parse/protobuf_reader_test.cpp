// The wire walker: legal oddities are walked, everything else stops it with a status.
#include "mallorn-parse/protobuf_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "libcommon/error.hpp"

using namespace mallorn;
using namespace mallorn::parse;

namespace {

struct Walk {
  std::vector<ProtobufField> fields;
  Status status = Status::ok;
};

Walk walk(const std::vector<uint8_t>& bytes, uint64_t offset = 0) {
  Walk result;
  ProtobufReader reader({bytes, offset});
  ProtobufField field;
  while (reader.next(&field)) result.fields.push_back(field);
  CHECK_FALSE(reader.next(&field));
  result.status = reader.status();
  if (reader.ok()) {
    CHECK_NOTHROW(reader.finish());
  } else {
    CHECK_THROWS_AS(reader.finish(), Error);
  }
  return result;
}

std::vector<uint8_t> nested_groups(size_t depth) {
  std::vector<uint8_t> bytes(depth, 0x0B);
  bytes.insert(bytes.end(), depth, 0x0C);
  return bytes;
}

}  // namespace

TEST_CASE("protobuf_reader: an empty message has no fields") {
  const Walk found = walk({});
  CHECK(found.fields.empty());
  CHECK(found.status == Status::ok);
}

TEST_CASE("protobuf_reader: reports number, value and offsets of each wire type") {
  const Walk found = walk({0x08, 0x96, 0x01,                            // 1: varint 150
                           0x11, 1,    2,    3,    4,    5,   6, 7, 8,  // 2: fixed64
                           0x1A, 0x03, 'a',  'b',  'c',                 // 3: bytes
                           0x25, 1,    2,    3,    4,                   // 4: fixed32
                           0xFA, 0xFF, 0xFF, 0xFF, 0x0F, 0x00},  // 2^29 - 1: no bytes
                          1000);
  CHECK(found.status == Status::ok);
  REQUIRE(found.fields.size() == 5);
  CHECK(found.fields[0].is_varint(1));
  CHECK(found.fields[0].value == 150);
  CHECK(found.fields[0].offset == 1000);
  CHECK(found.fields[0].end == 1003);
  CHECK(found.fields[1].value == 0x0807060504030201u);
  CHECK(found.fields[2].is_bytes(3));
  CHECK(found.fields[2].payload.offset == 1014);
  CHECK(found.fields[2].payload.bytes.size() == 3);
  CHECK(found.fields[2].end == 1017);
  CHECK(found.fields[3].value == 0x04030201u);
  CHECK(found.fields[4].number == (1u << 29) - 1);
  CHECK(found.fields[4].payload.bytes.empty());
  CHECK(found.fields[4].end == 1028);
}

TEST_CASE("protobuf_reader: a field of another wire type is not the one that is wanted") {
  const Walk found = walk({0x38, 0x01, 0x3A, 0x00});
  REQUIRE(found.fields.size() == 2);
  CHECK_FALSE(found.fields[0].is_bytes(7));
  CHECK(found.fields[0].payload.bytes.empty());
  CHECK(found.fields[1].is_bytes(7));
  CHECK_FALSE(found.fields[1].is_varint(7));
}

TEST_CASE("protobuf_reader: walks varints that are longer than necessary") {
  const Walk found = walk({0x8A, 0x80, 0x00, 0x81, 0x80, 0x80, 0x00, 'x'});
  CHECK(found.status == Status::ok);
  REQUIRE(found.fields.size() == 1);
  CHECK(found.fields[0].is_bytes(1));
  CHECK(found.fields[0].payload.bytes.size() == 1);
}

TEST_CASE("protobuf_reader: skips groups and what they hold") {
  const Walk found =
      walk({0x0B, 0x10, 0x05, 0x1A, 0x01, 'x', 0x13, 0x14, 0x0C, 0x10, 0x07});
  CHECK(found.status == Status::ok);
  REQUIRE(found.fields.size() == 2);
  CHECK(found.fields[0].number == 1);
  CHECK(found.fields[0].type == WireType::group);
  CHECK(found.fields[0].end == 9);
  CHECK(found.fields[1].value == 7);
}

TEST_CASE("protobuf_reader: groups nest 64 deep") {
  CHECK(walk(nested_groups(63)).status == Status::ok);
  CHECK(walk(nested_groups(64)).status == Status::ok);
  CHECK(walk(nested_groups(65)).status == Status::limit_exceeded);
  CHECK(walk(nested_groups(10000)).status == Status::limit_exceeded);
}

TEST_CASE("protobuf_reader: refuses groups that do not match") {
  CHECK(walk({0x0C}).status == Status::malformed);
  CHECK(walk({0x0B, 0x14}).status == Status::malformed);
  CHECK(walk({0x0B, 0x13, 0x0C, 0x14}).status == Status::malformed);
  CHECK(walk({0x0B}).status == Status::truncated);
  CHECK(walk({0x0B, 0x10}).status == Status::truncated);
}

TEST_CASE("protobuf_reader: refuses bad keys") {
  CHECK(walk({0x00, 0x00}).status == Status::malformed);
  CHECK(walk({0x0E}).status == Status::malformed);
  CHECK(walk({0x0F}).status == Status::malformed);
  CHECK(walk({0x80, 0x80, 0x80, 0x80, 0x10, 0x00}).status == Status::malformed);
  CHECK(walk(std::vector<uint8_t>(4096, 0x00)).status == Status::malformed);
  CHECK(walk(std::vector<uint8_t>(4096, 0xFF)).status == Status::malformed);
}

TEST_CASE("protobuf_reader: refuses long varints and lengths above 32 bits") {
  std::vector<uint8_t> longest{0x08, 0x80, 0x80, 0x80, 0x80, 0x80,
                               0x80, 0x80, 0x80, 0x80, 0x01};
  CHECK(walk(longest).status == Status::ok);
  longest.back() = 0x80;
  longest.push_back(0x01);
  CHECK(walk(longest).status == Status::malformed);
  CHECK(walk({0x0A, 0x84, 0x80, 0x80, 0x80, 0x10, 1, 2, 3, 4}).status == Status::malformed);
  CHECK(walk({0x0A, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}).status ==
        Status::malformed);
  CHECK(walk({0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 2}).status == Status::truncated);
}

TEST_CASE("protobuf_reader: every prefix that cuts a field is refused as truncated") {
  const std::vector<uint8_t> whole{0x08, 0x96, 0x01, 0x11, 1,    2, 3, 4, 5, 6,    7,   8,
                                   0x1A, 0x02, 'a',  'b',  0x25, 1, 2, 3, 4, 0x0B, 0x0C};
  for (size_t length = 0; length <= whole.size(); ++length) {
    CAPTURE(length);
    const bool is_boundary = length == 0 || length == 3 || length == 12 || length == 16 ||
                             length == 21 || length == whole.size();
    const std::vector<uint8_t> prefix(whole.begin(),
                                      whole.begin() + static_cast<ptrdiff_t>(length));
    CHECK(walk(prefix).status == (is_boundary ? Status::ok : Status::truncated));
  }
}

TEST_CASE("protobuf_reader: a fault's message names the byte in the file") {
  const std::vector<uint8_t> bytes{0x08, 0x01, 0x0A, 0x05, 'x'};
  ProtobufReader reader({bytes, 100});
  ProtobufField field;
  while (reader.next(&field)) {
  }
  try {
    reader.finish();
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "byte 104: field runs past its message");
    CHECK(error.status() == Status::truncated);
  }
}

TEST_CASE("protobuf_reader: packed varints") {
  const std::vector<uint8_t> bytes{0x01, 0x96, 0x01, 0x00, 0x80};
  const auto read = [&](size_t length, size_t limit) {
    return read_packed_varints({ByteView(bytes).first(length), 0}, limit);
  };
  CHECK(read(0, 9).empty());
  CHECK(read(4, 9) == std::vector<uint64_t>{1, 150, 0});
  CHECK(read(5, 3) == std::vector<uint64_t>{1, 150, 0});
  CHECK_THROWS_AS(read(5, 9), Error);
}
