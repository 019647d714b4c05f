// Paths and numbers of external data: what a hostile model may say, and what is taken of
// it.
#include "mallorn-parse/onnx_external.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace mallorn;
using namespace mallorn::parse;

TEST_CASE("onnx_external: safe locations are plain relative paths") {
  CHECK(safe_location("weights.bin") == "weights.bin");
  CHECK(safe_location("./a//b/./c.bin") == "a/b/c.bin");
  CHECK(safe_location("..a/b..") == "..a/b..");
  CHECK(safe_location(std::string(4096, 'x')).has_value());
  for (const char* unsafe : {"", ".", "./", "/etc/passwd", "../x", "a/../../x", "a/../b",
                             "a/..", "a\\..\\..\\x", "C:x", "c:/x", "./C:x", "folder/"}) {
    CAPTURE(unsafe);
    CHECK_FALSE(safe_location(unsafe).has_value());
  }
  CHECK_FALSE(safe_location(std::string("a\0b", 3)).has_value());
  CHECK_FALSE(safe_location(std::string(4097, 'x')).has_value());
}

TEST_CASE("onnx_external: numbers of external data are strict") {
  CHECK(strict_decimal("0") == uint64_t{0});
  CHECK(strict_decimal("18446744073709551615") == UINT64_MAX);
  for (const char* text : {"", "-1", "+5", "0x10", "1e9", " 7", "7 ",
                           "18446744073709551616", "123456789012345678901234567890"}) {
    CAPTURE(text);
    CHECK_FALSE(strict_decimal(text).has_value());
  }
  OnnxExternalData data{"x", "18446744073709551615", "1"};
  CHECK_FALSE(external_place(data).has_value());
  data.length = "0";
  const auto place = external_place(data);
  REQUIRE(place.has_value());
  CHECK(place->file == "x");
  CHECK(place->offset == UINT64_MAX);
  CHECK(place->length == uint64_t{0});
  CHECK(external_place({"x", {}, {}})->length == std::nullopt);
  CHECK_FALSE(external_place({"x", "-1", {}}).has_value());
  CHECK_FALSE(external_place({"../x", {}, {}}).has_value());
}
