// The models of profile lite: how probabilities move is pinned, arithmetic is what the
// document says.
#include "libcommon/core/lite_model.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/lite_format.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;

TEST_CASE("lite: a probability learns fast, then slowly") {
  LiteBit bit{LiteBit::kStart};
  uint32_t ones = 0;
  // Pinned: the states after so many ones, and then zeros.
  constexpr uint16_t kUp[] = {49153, 54610, 57339};
  for (const uint16_t state : kUp) {
    bit.update(1);
    CHECK(bit.state == state);
  }
  for (int i = 0; i < 4000; ++i) bit.update(1);
  CHECK((bit.state & LiteBit::kCountMask) == 7);
  CHECK(bit.probability() > 65000);
  CHECK(bit.probability() <= 65472);
  for (int i = 0; i < 4000; ++i) ones += (bit.update(0), bit.probability() > 32768) ? 1 : 0;
  CHECK(ones > 20);
  CHECK(ones < 80);
  CHECK(bit.probability() >= 64);
  CHECK(bit.probability() < 500);
}

TEST_CASE("lite: products of floats are those of f32_product but for ties") {
  test::Random random = test::seeded("lite products");
  for (int i = 0; i < 20000; ++i) {
    const auto normal = [&] {
      const auto exponent = static_cast<uint32_t>(80 + random.below(90));
      return (static_cast<uint32_t>(random()) & 0x807FFFFFu) | exponent << 23;
    };
    const uint32_t a = normal();
    const uint32_t b = normal();
    const uint32_t missed = lite_f32_product(a, b) - f32_product(a, b);
    const uint64_t exact =
        (uint64_t{a & 0x7FFFFFu} | 0x800000u) * ((b & 0x7FFFFFu) | 0x800000u);
    const bool may_tie = (exact & 0x3FFFFF) == 0;
    CHECK((missed == 0 || (may_tie && missed == 1)));
  }
}

TEST_CASE("lite: numbers times gains, rounded") {
  CHECK(lite_scaled(3, kLiteGainOne) == 3);
  CHECK(lite_scaled(-3, kLiteGainOne / 2) == static_cast<uint32_t>(-2));
  CHECK(lite_scaled(3, kLiteGainOne / 2) == 2);
  CHECK(lite_scaled(INT32_MIN, 2 * kLiteGainOne) == 0);
  test::Random random = test::seeded("lite gains");
  for (int i = 0; i < 20000; ++i) {
    const auto number = static_cast<uint32_t>(random.below((1u << 31) + uint64_t{1}));
    const auto gain = static_cast<uint32_t>(random());
    CHECK(lite_twice_product(number, gain) ==
          (uint64_t{2} * number * (gain & 0xFFFFFF)) >> 24);
    const uint64_t exact = uint64_t{number} * gain + (1u << 23);
    if (number < 1u << 31) {
      const auto scaled = static_cast<uint32_t>(exact >> 24);
      CHECK(lite_scaled(static_cast<int32_t>(number), gain) == scaled);
      CHECK(lite_scaled(-static_cast<int32_t>(number), gain) == 0 - scaled);
    }
  }
}
