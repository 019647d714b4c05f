// ResidualModel: a decoder follows its encoder whatever the residuals, expectations follow
// exponents, and what is written is pinned.
#include "libcommon/core/residual_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct Residual {
  int64_t number;
  int32_t exponent;
  uint32_t phase;
};

Bytes encode(const std::vector<Residual>& residuals) {
  Bytes coded;
  const auto model = std::make_unique<ResidualModel>();
  Spread spread;
  pack::RangeEncoder encoder(coded);
  for (const Residual& residual : residuals) {
    REQUIRE(model->code(encoder, residual.number, residual.exponent, residual.phase,
                        &spread) == residual.number);
  }
  encoder.finish();
  return coded;
}

Bytes check_round_trip(const std::vector<Residual>& residuals) {
  const Bytes coded = encode(residuals);
  const auto model = std::make_unique<ResidualModel>();
  Spread spread;
  apply::RangeDecoder decoder(coded);
  test::Random random(1);  // what a decoder gives for residuals does not matter
  for (const Residual& residual : residuals) {
    const auto unused = static_cast<int64_t>(random());
    REQUIRE(model->code(decoder, unused, residual.exponent, residual.phase, &spread) ==
            residual.number);
  }
  REQUIRE(decoder.status() == Status::ok);
  return coded;
}

int64_t any_residual(test::Random& random) {
  constexpr int64_t kExtremes[] = {0, 1, -1, INT64_MIN, INT64_MIN + 1, INT64_MAX};
  if (random.chance(4)) return kExtremes[random.below(std::size(kExtremes))];
  return static_cast<int64_t>(random()) >> random.below(64);
}

// As floats of different exponents move by amounts that do not depend on them.
std::vector<Residual> trained(test::Random& random, size_t count, bool tells_exponents) {
  std::vector<Residual> residuals;
  for (size_t i = 0; i < count; ++i) {
    const auto exponent = static_cast<int32_t>(random.below(16));
    const auto size = static_cast<int64_t>(random.below(1u << 20)) - (1 << 19);
    residuals.push_back(
        {size >> exponent, tells_exponents ? exponent + 100 : 0, ResidualModel::kMiddle});
  }
  return residuals;
}

void learn(Spread* spread, int32_t bits, int32_t exponent) {
  if (bits == 0) return spread->learn_none(exponent);
  spread->learn(bits, exponent);
}

// What a spread expects once it counts all that it has learned.
int32_t expected(Spread spread) {
  spread.learn(1, 0);
  return spread.expected().size;
}

}  // namespace

TEST_CASE("residual model: a decoder follows its encoder, whatever the residuals") {
  test::Random random = test::seeded("residual model");
  for (int round = 0; round < 60; ++round) {
    std::vector<Residual> residuals;
    const uint64_t kind = random.below(3);
    for (uint64_t i = random.below(600); i > 0; --i) {
      const auto exponent = static_cast<int32_t>(random.below(kind == 0 ? 1 : 2048));
      const auto small = static_cast<int64_t>(random.below(5)) - 2;
      residuals.push_back({kind == 2 ? small : any_residual(random), exponent,
                           static_cast<uint32_t>(random.below(ResidualModel::kPhases))});
    }
    check_round_trip(residuals);
  }
}

TEST_CASE("residual model: every bit length, after every other") {
  std::vector<Residual> residuals;
  for (uint32_t before = 0; before <= 64; ++before) {
    for (uint32_t after = 0; after <= 64; ++after) {
      for (const uint32_t bits : {before, before, before, before, after}) {
        const uint64_t size = bits == 0 ? 0 : uint64_t{1} << (bits - 1);
        const uint64_t number = after % 2 == 0 ? size : 0 - size;
        residuals.push_back({static_cast<int64_t>(number), 0, after % 8});
      }
    }
  }
  check_round_trip(residuals);
}

TEST_CASE("residual model: extremes alone") {
  check_round_trip({});
  for (const int64_t number : {INT64_MIN, INT64_MIN + 1, INT64_MAX, int64_t{0}}) {
    check_round_trip({{number, 0, 0}});
    check_round_trip(std::vector<Residual>(200, {number, 2047, 7}));
  }
}

TEST_CASE("spread: follows the bits that residuals have, in 1024ths, ever more slowly") {
  Spread spread;
  CHECK(!spread.expected().is_known);
  learn(&spread, 5, 10);
  CHECK(!spread.expected().is_known);    // the last one does not count yet
  CHECK(expected(spread) == 1024 * 15);  // the first is believed
  learn(&spread, 5, 10);
  CHECK(spread.expected().is_known);
  CHECK(expected(spread) == 15360);
  learn(&spread, 6, 25);
  CHECK(spread.expected().size == 15360);
  CHECK(expected(spread) == 15360 + (16384 * 18724 >> 16));  // 2 in 7 of the way up
  learn(&spread, 0, 40);
  CHECK(expected(spread) == 20041);  // nothing in a larger unit says nothing
  learn(&spread, 0, 5);
  // Half as much as what there is would: -(20041 - 5120) / 2, rounded down, 2 in 11.
  CHECK(expected(spread) == 20041 + (-7461 * 11915 >> 16));
  Spread none;
  for (int i = 0; i < 3; ++i) learn(&none, 0, 3);
  CHECK(!none.expected().is_known);  // what does not differ says nothing of what does
}

TEST_CASE("spread: a piece begins with a count of eight at most") {
  Spread spread;
  for (int i = 0; i < 200; ++i) spread.learn(4, 0);
  Spread begun = spread;
  begun.begin_piece();
  spread.learn(5, 0);
  begun.learn(5, 0);
  CHECK(expected(spread) == 4096 + (1024 * kRates[126] >> 16));
  CHECK(expected(begun) == 4096 + (1024 * kRates[8] >> 16));
}

TEST_CASE("spread: whatever residuals and exponents come, it stays among them") {
  test::Random random = test::seeded("spread");
  Spread spread;
  for (int i = 0; i < 2; ++i) spread.learn(1, 0);
  int32_t least = 1024;
  int32_t most = 1024;
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<int32_t>(random.below(65));
    const auto exponent = static_cast<int32_t>(random.below(2048));
    least = std::min(least, 1024 * (bits + exponent));
    most = std::max(most, 1024 * (bits + exponent));
    learn(&spread, bits, exponent);
    REQUIRE(spread.expected().size >= least);
    REQUIRE(spread.expected().size <= most);
  }
}

TEST_CASE("residual model: nothing costs nothing, and exponents tell the size") {
  CHECK(check_round_trip(std::vector<Residual>(5000, {0, 100, 4})).size() < 10);
  test::Random random(41);
  const auto told = trained(random, 4000, true);
  test::Random same(41);
  const auto untold = trained(same, 4000, false);
  const size_t with = check_round_trip(told).size();
  CHECK(with * 100 < check_round_trip(untold).size() * 97);
  // 20 to 5 bits, evenly, cost no more than half a bit more each.
  CHECK(with < 4000 * 26 / 16);
}

TEST_CASE("models: pinned, what ResidualModel writes for fixed residuals") {
  test::PinCheck pins;
  test::Random random(42);
  pins.add(test::kResidualPins[0], encode(trained(random, 3000, true)));
  std::vector<Residual> mixed;
  for (int i = 0; i < 3000; ++i) {
    const auto exponent = static_cast<int32_t>(random.below(40));
    const auto number = static_cast<int64_t>(random()) >> (63 - random.below(i % 3 + 6));
    mixed.push_back({number, exponent, static_cast<uint32_t>(random.below(8))});
  }
  pins.add(test::kResidualPins[1], encode(mixed));
  std::vector<Residual> extremes;
  for (int i = 0; i < 600; ++i) extremes.push_back({any_residual(random), 0, 4});
  pins.add(test::kResidualPins[2], encode(extremes));
  pins.finish();
}
