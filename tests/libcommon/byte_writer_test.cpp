#include "libcommon/core/byte_writer.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("byte writer: least significant byte first, one after the other") {
  Bytes space(64, 0xEE);
  ByteWriter writer(space);
  writer.u8(0x01);
  writer.u16(0x0302);
  writer.u32(0x07060504);
  writer.u64(0x0F0E0D0C0B0A0908ull);
  writer.bytes(Bytes{0x10, 0x11});
  writer.bytes({});
  REQUIRE(writer.ok());
  REQUIRE(writer.size() == 17);
  for (uint8_t i = 0; i < 17; ++i) CHECK(space[i] == i + 1);
  CHECK(space[17] == 0xEE);
}

TEST_CASE("byte writer: varints are minimal") {
  const auto written = [](uint64_t value) {
    Bytes space(kMaxVarintBytes);
    ByteWriter writer(space);
    writer.varint(value);
    REQUIRE(writer.ok());
    space.resize(writer.size());
    return space;
  };
  CHECK(written(0) == Bytes{0});
  CHECK(written(127) == Bytes{127});
  CHECK(written(128) == Bytes{0x80, 1});
  CHECK(written(300) == Bytes{0xAC, 2});
  CHECK(written(UINT64_MAX).size() == kMaxVarintBytes);
  CHECK(written(UINT64_MAX).back() == 1);
}

TEST_CASE("byte writer: what does not fit is not begun, and nothing follows it") {
  Bytes space(5, 0xEE);
  ByteWriter writer(space);
  writer.u32(0);
  writer.u16(0x1234);
  CHECK_FALSE(writer.ok());
  CHECK(writer.size() == 4);
  CHECK(space[4] == 0xEE);
  writer.u8(7);
  CHECK_FALSE(writer.ok());
  CHECK(writer.size() == 4);
  CHECK(space[4] == 0xEE);
  ByteWriter none({});
  none.bytes({});
  CHECK(none.ok());
  none.u8(1);
  CHECK_FALSE(none.ok());
}
