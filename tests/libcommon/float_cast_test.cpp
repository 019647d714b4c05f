#include "libcommon/core/float_cast.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

double number(FloatFormat format, uint64_t bits) {
  const uint64_t wide = format.bits == 16
                            ? (format.mantissa_bits == 10 ? widened<kF16, kF32>(bits)
                                                          : widened<kBf16, kF32>(bits))
                        : format.bits == 32 ? bits
                                            : 0;
  return std::bit_cast<float>(static_cast<uint32_t>(wide));
}

// `made` is the float of its format that is nearest to the f32 with these bits, and of two
// the even one.
void check_nearest(FloatFormat format, uint32_t bits, uint64_t made) {
  CAPTURE(bits);
  CAPTURE(made);
  const double exact = number(kF32, bits);
  const uint64_t magnitude = made & (format.sign() - 1);
  if (magnitude == format.infinity()) {
    const double greatest = number(format, format.infinity() - 1);
    const double next = 2 * greatest - number(format, format.infinity() - 2);
    REQUIRE(std::abs(exact) >= (greatest + next) / 2);
    return;
  }
  const double error = std::abs(exact - number(format, made));
  if (magnitude + 1 < format.infinity()) {
    const double above = std::abs(exact - number(format, made + 1));
    REQUIRE(error <= above);
    if (error == above) REQUIRE(made % 2 == 0);
  }
  if (magnitude > 0) {
    const double below = std::abs(exact - number(format, made - 1));
    REQUIRE(error <= below);
    if (error == below) REQUIRE(made % 2 == 0);
  }
}

uint32_t random_f32(test::Random& random) {
  const auto bits = static_cast<uint32_t>(random());
  // All exponents; those of halves; few bits set, so that there are ties.
  const uint32_t half = (bits & 0x8FFFFFFF) | 0x30000000;
  const uint32_t kinds[] = {bits, half, half & 0xFFFFF000, bits & 0xFFFF8000};
  return kinds[random.below(4)];
}

}  // namespace

TEST_CASE("float cast: halves become binary32 numbers and the same halves again") {
  CHECK(widened<kF16, kF32>(0x3C00) == 0x3F800000);
  CHECK(widened<kF16, kF32>(0x8001) == 0xB3800000);  // -2^-24
  CHECK(widened<kF16, kF32>(0x03FF) == 0x387FC000);
  CHECK(widened<kF16, kF32>(0xFBFF) == 0xC77FE000);
  CHECK(widened<kF16, kF32>(0x7C00) == 0x7F800000);
  CHECK(widened<kF16, kF32>(0xFC01) == 0xFF802000);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool is_nan = (bits & 0x7FFF) > 0x7C00;
    const uint64_t wide = widened<kF16, kF32>(bits);
    REQUIRE(narrowed<kF32, kF16>(wide, Rounding::nearest) ==
            (is_nan ? bits | 0x200 : bits));
    REQUIRE(narrowed<kF64, kF32>(widened<kF32, kF64>(wide), Rounding::nearest) ==
            (is_nan ? wide | 0x400000 : wide));
  }
}

TEST_CASE("float cast: bf16 is the upper half of binary32") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool is_nan = (bits & 0x7FFF) > 0x7F80;
    const uint64_t wide = widened<kBf16, kF32>(bits);
    REQUIRE(wide == uint64_t{bits} << 16);
    REQUIRE(narrowed<kF32, kBf16>(wide, Rounding::nearest) ==
            (is_nan ? bits | 0x40 : bits));
    const bool is_finite = (bits & 0x7F80) != 0x7F80;
    REQUIRE(narrowed<kF32, kBf16>(wide | 0xFFFF, Rounding::zero) ==
            (is_finite ? bits : bits | 0x40));
  }
}

TEST_CASE("float cast: binary32 becomes the nearest half and bf16") {
  test::Random random = test::seeded("float cast");
  for (int i = 0; i < 400000; ++i) {
    const uint32_t bits = random_f32(random);
    if ((bits & 0x7F800000) == 0x7F800000) continue;
    check_nearest(kF16, bits, narrowed<kF32, kF16>(bits, Rounding::nearest));
    check_nearest(kBf16, bits, narrowed<kF32, kBf16>(bits, Rounding::nearest));
  }
}

TEST_CASE("float cast: binary64 and binary32 are those of the processor") {
  test::Random random = test::seeded("float cast, binary64");
  for (int i = 0; i < 400000; ++i) {
    const uint32_t bits = random_f32(random);
    if ((bits & 0x7F800000) == 0x7F800000) continue;
    const double wide = std::bit_cast<float>(bits);
    REQUIRE(widened<kF32, kF64>(bits) == std::bit_cast<uint64_t>(wide));
    const uint64_t near = std::bit_cast<uint64_t>(wide) ^ (random() >> random.below(64));
    const auto number = std::bit_cast<double>(near);
    if (!std::isfinite(number)) continue;
    REQUIRE(narrowed<kF64, kF32>(near, Rounding::nearest) ==
            std::bit_cast<uint32_t>(static_cast<float>(number)));
  }
}

TEST_CASE("float cast: what is too large becomes infinite, or the greatest number") {
  CHECK(narrowed<kF32, kF16>(0x477FEFFF, Rounding::nearest) == 0x7BFF);
  CHECK(narrowed<kF32, kF16>(0x477FF000, Rounding::nearest) == 0x7C00);
  CHECK(narrowed<kF32, kF16>(0xFF7FFFFF, Rounding::nearest) == 0xFC00);
  CHECK(narrowed<kF32, kBf16>(0x7F7FFFFF, Rounding::nearest) == 0x7F80);
  CHECK(narrowed<kF32, kBf16>(0x7F7FFFFF, Rounding::zero) == 0x7F7F);
  CHECK(narrowed<kF32, kF16>(0x33000000, Rounding::nearest) == 0);
  CHECK(narrowed<kF32, kF16>(0x33000001, Rounding::nearest) == 1);
}
