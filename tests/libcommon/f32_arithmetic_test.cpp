// Arithmetic of binary32 against the processor's own floats, which follow IEEE 754.
#include "libcommon/core/f32_arithmetic.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

bool is_finite(uint32_t bits) { return (bits >> 23 & 0xFF) != 0xFF; }

uint32_t expected(uint32_t a, uint32_t b) {
  if (!is_finite(a) || !is_finite(b)) return 0;
  // In double precision the product is exact, so that there is one rounding.
  const double exact =
      static_cast<double>(std::bit_cast<float>(a)) * std::bit_cast<float>(b);
  return std::bit_cast<uint32_t>(static_cast<float>(exact));
}

uint32_t expected_sum(uint32_t a, uint32_t b) {
  if (!is_finite(a) || !is_finite(b)) return 0;
  return std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(b));
}

uint32_t expected_quotient(uint32_t a, uint32_t b) {
  if (!is_finite(a) || !is_finite(b) || b << 1 == 0) return 0;
  return std::bit_cast<uint32_t>(std::bit_cast<float>(a) / std::bit_cast<float>(b));
}

void check(uint32_t a, uint32_t b) {
  CAPTURE(a);
  CAPTURE(b);
  REQUIRE(f32_product(a, b) == expected(a, b));
  REQUIRE(f32_sum(a, b) == expected_sum(a, b));
  REQUIRE(f32_difference(a, b) == expected_sum(a, b ^ 0x80000000));
  REQUIRE(f32_quotient(a, b) == expected_quotient(a, b));
}

}  // namespace

TEST_CASE("f32 arithmetic: that of the processor, for numbers of every kind") {
  const uint32_t kinds[] = {0,          1,          2,          0x007FFFFF, 0x00800000,
                            0x00800001, 0x00FFFFFF, 0x33800000, 0x3F000000, 0x3F7FFFFF,
                            0x3F800000, 0x3F800001, 0x40000000, 0x42FE0000, 0x5F000000,
                            0x7F000000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000, 0x7FFFFFFF};
  for (const uint32_t a : kinds) {
    for (const uint32_t b : kinds) {
      check(a, b);
      check(a | 0x80000000, b);
      check(a, b | 0x80000000);
      check(a | 0x80000000, b | 0x80000000);
    }
  }
}

TEST_CASE("f32 arithmetic: that of the processor, for random numbers") {
  test::Random random = test::seeded("f32 product");
  for (int i = 0; i < 200000; ++i) {
    check(static_cast<uint32_t>(random()), static_cast<uint32_t>(random()));
  }
}

TEST_CASE("f32 arithmetic: that of the processor, where products are subnormal or tie") {
  test::Random random = test::seeded("f32 product, small");
  for (int i = 0; i < 100000; ++i) {
    const auto a = static_cast<uint32_t>(random());
    // Exponents whose sum is about that of the smallest number.
    const uint32_t exponent = 127 - 25 + static_cast<uint32_t>(random.below(28));
    const uint32_t other = (exponent - std::min(exponent, a >> 23 & 0xFF)) << 23;
    check(a, other | (static_cast<uint32_t>(random()) & 0x807FFFFF));
    // Few bits set: halves are likely.
    check(a & 0xFFFFF000, static_cast<uint32_t>(random()) & 0xFFFFF800);
  }
}

TEST_CASE("f32 arithmetic: that of the processor, for numbers that are close") {
  test::Random random = test::seeded("f32 arithmetic, close");
  for (int i = 0; i < 100000; ++i) {
    const auto a = static_cast<uint32_t>(random());
    const uint32_t exponents = static_cast<uint32_t>(random.below(64)) << 23;
    check(a, a ^ (static_cast<uint32_t>(random()) >> random.below(32)));
    check(a, (a + exponents) ^ 0x80000000);
    check(a & 0xFFFFF000, (a + exponents) & 0xFFF00000);
  }
}

TEST_CASE("f32 arithmetic: of what is no finite number, none") {
  CHECK(f32_product(0x7F800000, 0x3F800000) == 0);
  CHECK(f32_product(0xBF800000, 0x7FC00001) == 0);
  CHECK(f32_product(0x80000000, 0xFF800000) == 0);
  CHECK(f32_sum(0x7F800000, 0x3F800000) == 0);
  CHECK(f32_quotient(0x3F800000, 0x7F800000) == 0);
  CHECK(f32_quotient(0x3F800000, 0x80000000) == 0);
}
