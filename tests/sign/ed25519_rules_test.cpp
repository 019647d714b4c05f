#include "mallorn-sign/ed25519_rules.hpp"

#include <doctest/doctest.h>

#include "libcommon/text.hpp"

using namespace mallorn;
using namespace mallorn::sign;

namespace {

std::array<uint8_t, 32> number(const char* hex) {
  std::array<uint8_t, 32> made{};
  REQUIRE(from_hex(hex, made));
  return made;
}

constexpr const char* kLastBelowP =
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
constexpr const char* kOrder =
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

}  // namespace

TEST_CASE("ed25519 rules: scalars one below, at and one above the order") {
  auto scalar = number(kOrder);
  CHECK_FALSE(is_reduced(scalar));
  --scalar[0];
  CHECK(is_reduced(scalar));
  scalar[0] = 0xEE;
  CHECK_FALSE(is_reduced(scalar));
  CHECK(is_reduced({}));
  scalar = {};
  scalar[31] = 0x10;  // the order's highest byte, and zeros: below it
  CHECK(is_reduced(scalar));
  scalar[31] = 0x11;
  CHECK_FALSE(is_reduced(scalar));
  scalar.fill(0xFF);
  CHECK_FALSE(is_reduced(scalar));
}

TEST_CASE("ed25519 rules: a key's y is below p, whatever the sign of x") {
  auto key = number(kLastBelowP);
  key[0] = 0xEB;  // p - 2
  CHECK(is_safe_key(key));
  key[31] |= 0x80;
  CHECK(is_safe_key(key));
  for (unsigned low = 0xED; low <= 0xFF; ++low) {  // p to 2^255 - 1
    key[0] = static_cast<uint8_t>(low);
    key[31] = 0x7F;
    CHECK_FALSE(is_safe_key(key));
    key[31] = 0xFF;
    CHECK_FALSE(is_safe_key(key));
  }
}

TEST_CASE("ed25519 rules: keys of small order, with either sign") {
  for (const char* y :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000", kLastBelowP,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"}) {
    auto key = number(y);
    CHECK_FALSE(is_safe_key(key));
    key[31] |= 0x80;
    CHECK_FALSE(is_safe_key(key));
    key[5] ^= 1;
    CHECK(is_safe_key(key));
  }
}
