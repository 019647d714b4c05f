#include "libcommon/text.hpp"

#include <doctest/doctest.h>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("text: hex digits both ways") {
  CHECK(to_hex({}).empty());
  CHECK(to_hex(Bytes{0x00, 0x9F, 0xAB}) == "009fab");
  Bytes bytes(3);
  CHECK(from_hex("009fab", bytes));
  CHECK(bytes == Bytes{0x00, 0x9F, 0xAB});
  CHECK(from_hex("", ByteSpan{}));
  for (const char* wrong :
       {"009FAB", "009fa", "009fab0", "009fag", " 09fab", "0x9fab", ""}) {
    CHECK_MESSAGE(!from_hex(wrong, bytes), wrong);
  }
}

TEST_CASE("text: paths are written as printable ASCII") {
  CHECK(encode_path("a b/c.tflite") == "a b/c.tflite");
  CHECK(encode_path("100%") == "100%25");
  CHECK(encode_path("\xC3\xA9\n\x7F") == "%c3%a9%0a%7f");
  CHECK(decode_path("100%25", "x") == "100%");
  CHECK(decode_path("%c3%a9", "x") == "\xC3\xA9");
}

TEST_CASE("text: every path comes back") {
  test::Random random = test::seeded("paths");
  for (int round = 0; round < 500; ++round) {
    std::string path;
    for (uint64_t i = random.below(20); i > 0; --i)
      path += static_cast<char>(1 + random.below(255));
    const std::string text = encode_path(path);
    for (const char c : text) REQUIRE((c >= 0x20 && c <= 0x7E));
    REQUIRE(decode_path(text, "x") == path);
  }
}

TEST_CASE("text: paths that are not well-formed are refused") {
  for (const char* wrong : {"%", "a%", "%4", "%4g", "%C3", "%%41", "%00", "a%00b"}) {
    CHECK_MESSAGE(
        test::status_of([&] { (void)decode_path(wrong, "x"); }) == Status::malformed,
        wrong);
  }
  CHECK(test::status_of([] { (void)decode_path(std::string_view("a\0b", 3), "x"); }) ==
        Status::malformed);
}
