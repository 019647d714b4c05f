// CodePlaces: many places at once against one after the other.
#include "libcommon/core/code_places.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

// A number of either sign, up to `most`: as often small as large, and sometimes the most.
int32_t any_number(test::Random& random, int32_t most) {
  const auto size = static_cast<uint64_t>(most);
  if (random.chance(8)) return random.chance(2) ? most : -most;
  const auto number = static_cast<int32_t>(random.below(size + 1) >> random.below(20));
  return random.chance(2) ? number : -number;
}

void check_line(test::Random& random, Bounds bounds, int32_t most_number,
                int32_t most_factor) {
  constexpr uint32_t kBegin = 5;
  constexpr uint32_t kEnd = kBegin + 43;
  const int32_t factor = any_number(random, most_factor);
  const int32_t shift = any_number(random, 1 << 18);
  const auto setting = static_cast<uint32_t>(random.below(2));
  CAPTURE(factor);
  CAPTURE(shift);
  std::array<int16_t, kEnd - kBegin> numbers;
  for (int16_t& number : numbers) {
    number = static_cast<int16_t>(any_number(random, most_number));
  }
  const auto line = std::make_unique<CodePlaces>();
  line->set_line(kBegin, kEnd - kBegin, numbers.data(), factor, shift, bounds, setting);
  line->set_phases(kBegin, kEnd);
  const auto single = std::make_unique<CodePlaces>();
  for (uint32_t i = kBegin; i < kEnd; ++i) {
    single->set(i, numbers[i - kBegin] * factor + shift, bounds, setting);
  }
  single->set_phases(kBegin, kEnd);
  for (uint32_t i = kBegin; i < kEnd; ++i) {
    CAPTURE(numbers[i - kBegin]);
    REQUIRE(line->step(i) == single->step(i));
    REQUIRE(line->context(i) == single->context(i));
    REQUIRE(line->context(i) < CodePlaces::kContexts);
  }
}

}  // namespace

TEST_CASE("code places: a line is its places") {
  test::Random random = test::seeded("code places");
  for (int round = 0; round < 2000; ++round) {
    check_line(random, {-8, 7}, 8, 1 << 18);
    check_line(random, {0, 63}, 63, 1 << 18);
    check_line(random, {-128, 127}, 256, 1 << 18);
    check_line(random, {-383, -128}, 383, 1 << 17);
    check_line(random, {0, 255}, 383, 1 << 17);
  }
}
