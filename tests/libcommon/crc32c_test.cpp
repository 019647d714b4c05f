#include "libcommon/core/crc32c.hpp"

#include <doctest/doctest.h>

#include "libcommon/fast_crc32c.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("crc32c: published check values") {
  const Bytes digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(crc32c(0, digits) == 0xE3069283u);
  // RFC 3720, B.4
  CHECK(crc32c(0, Bytes(32, 0x00)) == 0x8A9136AAu);
  CHECK(crc32c(0, Bytes(32, 0xFF)) == 0x62A8AB43u);
  Bytes rising(32);
  for (uint8_t i = 0; i < 32; ++i) rising[i] = i;
  CHECK(crc32c(0, rising) == 0x46DD794Eu);
  CHECK(crc32c(0, {}) == 0);
}

TEST_CASE("crc32c: fast and portable agree at every length, start and cut") {
  test::Random random = test::seeded("crc32c");
  const Bytes bytes = random.bytes(300);
  for (size_t from = 0; from < 9; ++from) {
    for (size_t length = 0; length + from <= bytes.size(); ++length) {
      const ByteView view = ByteView(bytes).subspan(from, length);
      const auto seed = static_cast<uint32_t>(random());
      REQUIRE(fast_crc32c(seed, view) == crc32c(seed, view));
    }
  }
  const uint32_t whole = crc32c(0, bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const uint32_t first = fast_crc32c(0, ByteView(bytes).first(cut));
    REQUIRE(fast_crc32c(first, ByteView(bytes).subspan(cut)) == whole);
  }
}

TEST_CASE("crc32c: notices every single-bit flip") {
  test::Random random(5);
  Bytes bytes = random.bytes(100);
  const uint32_t check = fast_crc32c(0, bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
    REQUIRE(fast_crc32c(0, bytes) != check);
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
  }
}
