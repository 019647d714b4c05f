// Floats as whole numbers, against exact arithmetic in a wider type.
#include "libcommon/core/float_value.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

constexpr FloatFormat kFormats[] = {kF16, kBf16, kF32, kF64};
constexpr FloatFormat kGuessed[] = {kF16, kBf16, kF32};
constexpr int32_t kOne = 1 << kFloatGainBits;

uint64_t random_float(test::Random& random, FloatFormat format) {
  return random() >> (64 - format.bits);
}

// Numbers of every order of magnitude, of either sign.
int32_t any_int(test::Random& random) {
  return static_cast<int32_t>(static_cast<uint32_t>(random())) >> random.below(32);
}

int32_t random_gain(test::Random& random) {
  return random.chance(2) ? kOne - 300 + static_cast<int32_t>(random.below(600))
                          : 1 + static_cast<int32_t>(random.below(1u << 17));
}

// A finite float in units of the last place of the least normal number.
long double in_units(FloatFormat format, uint64_t bits) {
  const uint64_t magnitude = bits & (format.sign() - 1);
  const auto field = static_cast<int>(magnitude >> format.mantissa_bits);
  const uint64_t fraction = magnitude & ((uint64_t{1} << format.mantissa_bits) - 1);
  const uint64_t hidden = field != 0 ? uint64_t{1} << format.mantissa_bits : 0;
  const long double size =
      std::ldexp(static_cast<long double>(fraction | hidden), std::max(field - 1, 0));
  return (bits & format.sign()) != 0 ? -size : size;
}

// Where a number of such units lies among the floats, fractions of a place included, as
// eighths above the middle below -8: what a Guess says, before it is cut to eighths.
long double eighths_of(FloatFormat format, long double value) {
  const long double size = std::fabs(value);
  int exponent = 0;
  (void)std::frexp(size, &exponent);  // size < 2^exponent
  const auto mantissa_bits = static_cast<int>(format.mantissa_bits);
  const int last = std::max(exponent - mantissa_bits - 1, 0);
  long double order =
      std::ldexp(size, -last) + std::ldexp(static_cast<long double>(last), mantissa_bits);
  order = std::min(order, static_cast<long double>(format.infinity() - 1));
  return 8 * (value < 0 ? -1 - order : order) + 4;
}

int64_t eighths_of(const Guess& guess) {
  return 8 * guess.order + static_cast<int64_t>(guess.phase);
}

bool is_finite(FloatFormat format, uint64_t bits) {
  return (bits & (format.sign() - 1)) < format.infinity();
}

bool is_finite_place(FloatFormat format, int64_t order) {
  const auto most = static_cast<int64_t>(format.infinity()) - 1;
  return order <= most && order >= -1 - most;
}

// Checks a guess against value * gain / 2^12 + shift * 2^exponent. Where the shift has a
// unit so far from that of the float that one of them is cut, the result may be anything
// between what the sum is with one unit less and with one more.
void check_guess(FloatFormat format, uint64_t bits, int32_t gain, int32_t shift,
                 int32_t exponent) {
  CAPTURE(format.mantissa_bits);
  CAPTURE(bits);
  CAPTURE(gain);
  CAPTURE(shift);
  CAPTURE(exponent);
  const auto field =
      static_cast<int32_t>((bits & (format.sign() - 1)) >> format.mantissa_bits);
  const int32_t place = std::max(field - 1, 0) - static_cast<int32_t>(kFloatGainBits);
  const long double exact =
      std::ldexp(in_units(format, bits) * gain, -static_cast<int>(kFloatGainBits)) +
      std::ldexp(static_cast<long double>(shift), exponent);
  long double cut = 0;
  if (shift != 0 && place < exponent) cut = std::ldexp(1.0L, exponent);
  if (shift != 0 && place > exponent + 20) cut = std::ldexp(1.0L, place);
  const auto guessed = static_cast<long double>(
      eighths_of(guess_float(format, bits, gain, shift, exponent)));
  constexpr long double kRounding = 1.001L;
  REQUIRE(guessed >= eighths_of(format, exact - cut) - kRounding);
  REQUIRE(guessed <= eighths_of(format, exact + cut) + kRounding);
}

std::vector<uint64_t> all_finite(FloatFormat format) {
  std::vector<uint64_t> ordered;
  const auto most = static_cast<int64_t>(format.infinity()) - 1;
  for (int64_t order = -1 - most; order <= most; ++order) {
    ordered.push_back(from_order(format, order));
  }
  return ordered;
}

}  // namespace

TEST_CASE("float value: formats are those of IEEE 754") {
  CHECK(kF16.infinity() == 0x7C00);
  CHECK(kBf16.infinity() == 0x7F80);
  CHECK(kF32.infinity() == 0x7F800000);
  CHECK(kF64.infinity() == 0x7FF0000000000000);
  CHECK(exponent_of_unit(kF16) == -24);
  CHECK(exponent_of_unit(kBf16) == -133);
  CHECK(exponent_of_unit(kF32) == -149);
  CHECK(exponent_of_unit(kF64) == -1074);
}

TEST_CASE("float value: the order is a bijection that grows with the float") {
  for (const FloatFormat format : {kF16, kBf16}) {
    for (uint64_t bits = 0; bits < 65536; ++bits) {
      const int64_t order = to_order(format, bits);
      REQUIRE(order >= -32768);
      REQUIRE(order <= 32767);
      REQUIRE(from_order(format, order) == bits);
      REQUIRE(exponent_at(format, order) ==
              static_cast<int32_t>((bits & 0x7FFF) >> format.mantissa_bits));
    }
    long double before = -HUGE_VALL;
    for (const uint64_t bits : all_finite(format)) {
      const long double now = in_units(format, bits);
      REQUIRE((now > before || bits == 0));  // +0 after -0
      before = now;
    }
  }
}

TEST_CASE("float value: the ends and the middle of every order") {
  for (const FloatFormat format : kFormats) {
    CHECK(to_order(format, 0) == 0);
    CHECK(to_order(format, format.sign()) == -1);
    CHECK(to_order(format, format.sign() - 1) == static_cast<int64_t>(format.sign() - 1));
    const uint64_t last = format.sign() | (format.sign() - 1);
    CHECK(to_order(format, last) == -1 - static_cast<int64_t>(format.sign() - 1));
    CHECK(from_order(format, to_order(format, last)) == last);
    CHECK(exponent_at(format, to_order(format, last)) ==
          static_cast<int32_t>(format.infinity() >> format.mantissa_bits));
  }
}

TEST_CASE("float value: without a gain or a shift a float stays what it is") {
  test::Random random = test::seeded("float value");
  for (const FloatFormat format : kGuessed) {
    for (int round = 0; round < 20000; ++round) {
      const uint64_t bits = random_float(random, format);
      const Guess guess = guess_float(format, bits, kOne, 0, any_int(random) >> 20);
      REQUIRE(guess.order == to_order(format, bits));
      REQUIRE(guess.phase == 4);
    }
  }
}

TEST_CASE("float value: infinities and NaN stay what they are, payload included") {
  test::Random random = test::seeded("float value, not finite");
  for (const FloatFormat format : kGuessed) {
    for (int round = 0; round < 5000; ++round) {
      const uint64_t bits = random_float(random, format) | format.infinity();
      const Guess guess = guess_float(format, bits, random_gain(random), any_int(random),
                                      any_int(random) >> 19);
      REQUIRE(from_order(format, guess.order) == bits);
      REQUIRE(guess.phase == 4);
    }
  }
}

TEST_CASE("float value: worked examples") {
  // Halves: 1.0 is 0x3C00. The unit is 2^-24.
  const auto half = [](uint64_t bits, int32_t gain, int32_t shift, int32_t exponent) {
    const Guess guess = guess_float(kF16, bits, gain, shift, exponent);
    return std::pair(from_order(kF16, guess.order), guess.phase);
  };
  const auto at = [](uint64_t bits, uint32_t phase) { return std::pair(bits, phase); };
  CHECK(half(0x3C00, 2 * kOne, 0, 0) == at(0x4000, 4));
  CHECK(half(0xBC00, kOne / 2, 0, 0) == at(0xB800, 4));
  CHECK(half(0x3C00, kOne, 1, 24) == at(0x4000, 4));   // 1 + 1
  CHECK(half(0x3C00, kOne, -2, 24) == at(0xBC00, 4));  // 1 - 2
  CHECK(half(0x3C00, kOne, -1, 24) == at(0x0000, 4));  // 1 - 1: +0, whatever the exponents
  CHECK(half(0x7800, kOne, -32768, 24) == at(0x0000, 4));
  CHECK(half(0x8000, kOne, 1, 0) == at(0x0001, 4));  // the least subnormal
  CHECK(half(0x8000, 2 * kOne, 0, 0) == at(0x0000, 4));
  CHECK(half(0x0001, kOne / 2, 0, 0) == at(0x0001, 0));  // the middle goes up
  CHECK(half(0x8001, kOne / 2, 0, 0) == at(0x8000, 0));
  CHECK(half(0x0001, kOne / 4, 0, 0) == at(0x0000, 6));
  CHECK(half(0x8001, kOne / 4, 0, 0) == at(0x8000, 2));
  CHECK(half(0x03FF, kOne, 1, 0) == at(0x0400, 4));      // a subnormal becomes normal
  CHECK(half(0x7BFF, 2 * kOne, 0, 0) == at(0x7BFF, 4));  // the largest, never infinity
  CHECK(half(0xFBFF, 32 * kOne, 0, 0) == at(0xFBFF, 4));
  CHECK(half(0x0000, kOne, INT32_MAX, 4096) == at(0x7BFF, 4));
  CHECK(half(0x0000, kOne, INT32_MIN, 4096) == at(0xFBFF, 4));
}

TEST_CASE("float value: guesses are exact but for what is cut, with gains and shifts") {
  test::Random random = test::seeded("float value, exact");
  for (const FloatFormat format : kGuessed) {
    const auto fields = static_cast<uint64_t>(format.infinity() >> format.mantissa_bits);
    for (int round = 0; round < 60000; ++round) {
      uint64_t bits = random_float(random, format);
      if (!is_finite(format, bits)) continue;
      // Shifts of about the size of the float, smaller and larger.
      const auto field =
          static_cast<int32_t>((bits & (format.sign() - 1)) >> format.mantissa_bits);
      const auto near = static_cast<int32_t>(random.below(64)) - 40 + field;
      const auto far = static_cast<int32_t>(random.below(2 * fields)) - 40;
      const int32_t shift = random.chance(3) ? 0 : any_int(random);
      const int32_t gain = random.chance(4) ? kOne : random_gain(random);
      if (gain == kOne && shift == 0) continue;  // stays what it is, -0 included
      check_guess(format, bits, gain, shift, random.chance(3) ? far : near);
    }
  }
}

TEST_CASE("float value: guesses grow with the float") {
  test::Random random = test::seeded("float value, monotony");
  for (const FloatFormat format : {kF16, kBf16}) {
    const std::vector<uint64_t> ordered = all_finite(format);
    for (int round = 0; round < 40; ++round) {
      const int32_t gain =
          2 + static_cast<int32_t>(random.below(1u << 17) >> random.below(16));
      const int32_t shift = random.chance(4) ? 0 : any_int(random);
      const int32_t exponent = static_cast<int32_t>(random.below(300)) - 40;
      CAPTURE(gain);
      CAPTURE(shift);
      CAPTURE(exponent);
      int64_t before = INT64_MIN;
      bool is_growing = true;
      for (const uint64_t bits : ordered) {
        const int64_t now = eighths_of(guess_float(format, bits, gain, shift, exponent));
        is_growing = is_growing && now >= before;
        before = now;
      }
      REQUIRE(is_growing);
    }
  }
}

TEST_CASE("float value: whatever a patch says, a guess is a finite float") {
  test::Random random = test::seeded("float value, hostile");
  constexpr int32_t kGains[] = {1, 2, kOne - 1, kOne, kOne + 1, (1 << 17) - 1, 1 << 17};
  constexpr int32_t kShifts[] = {0, 1, -1, INT32_MAX, INT32_MIN, INT32_MIN + 1, 1 << 30};
  std::vector<int32_t> exponents = {-4096, -4095, 4095, 4096, 0};
  for (int32_t i = -90; i < 320; ++i) exponents.push_back(i);
  for (const FloatFormat format : kGuessed) {
    const uint64_t least = uint64_t{1} << format.mantissa_bits;
    const uint64_t magnitudes[] = {0,
                                   1,
                                   least - 1,
                                   least,
                                   least + 1,
                                   2 * least - 1,
                                   format.infinity() / 2,
                                   format.infinity() - 1};
    for (const int32_t exponent : exponents) {
      for (const int32_t gain : kGains) {
        for (const int32_t shift : kShifts) {
          for (const uint64_t magnitude : magnitudes) {
            const uint64_t bits = magnitude | (random.chance(2) ? format.sign() : 0);
            const Guess guess = guess_float(format, bits, gain, shift, exponent);
            REQUIRE(is_finite_place(format, guess.order));
            REQUIRE(guess.phase < 8);
          }
        }
      }
    }
  }
}
