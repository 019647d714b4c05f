#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>

#include "libcommon/core/byte_model.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Takes bits for granted and remembers what they were expected to be.
struct Witness {
  std::vector<uint32_t> probabilities;

  uint32_t code(uint32_t p16, uint32_t bit) {
    probabilities.push_back(p16);
    return bit;
  }
};

}  // namespace

TEST_CASE("bit model: moves towards what it sees, and never to certainty") {
  for (const uint32_t bit : {0u, 1u}) {
    BitModel model;
    CHECK(model.probability() == 32768);
    uint32_t before = model.probability();
    for (int i = 0; i < 2000; ++i) {
      model.update(bit, 127);
      const uint32_t now = model.probability();
      REQUIRE((bit != 0 ? now >= before : now <= before));
      REQUIRE(now > 0);
      REQUIRE(now < 65536);
      before = now;
    }
    CHECK((bit != 0 ? before > 65000 : before < 536));
  }
}

TEST_CASE("bit model: stays within its bounds, whatever the limit and the bits") {
  test::Random random = test::seeded("bit model, bounds");
  for (const uint32_t limit : {30u, 100u, 127u, 255u, 500u}) {
    BitModel model;
    for (int round = 0; round < 100; ++round) {
      const uint64_t rarity = 1 + random.below(1000);
      const bool is_one = random.chance(2);
      for (int i = 0; i < 1000; ++i) {
        model.update(random.chance(rarity) == is_one ? 1 : 0, limit);
        REQUIRE(model.probability() >= BitModel::kLeast);
        REQUIRE(model.probability() <= BitModel::kMost);
      }
    }
    for (int i = 0; i < 20000; ++i) model.update(0, limit);
    CHECK(model.probability() == BitModel::kLeast);
    CHECK(model.count() == limit);
  }
}

TEST_CASE("bit model: one of two, whole") {
  const BitModel zero(1000, 3);
  const BitModel one(50000, 200);
  CHECK(BitModel::either(zero, one, 0).probability() == 1000);
  CHECK(BitModel::either(zero, one, 0).count() == 3);
  CHECK(BitModel::either(zero, one, 1).probability() == 50000);
  CHECK(BitModel::either(zero, one, 1).count() == 200);
}

TEST_CASE("bit model: learns fast at first, slowly later, and its limit is the floor") {
  BitModel fresh;
  fresh.update(1, 30);
  CHECK(fresh.probability() > 50000);
  CHECK(fresh.count() == 1);
  BitModel seasoned;
  for (int i = 0; i < 200; ++i) seasoned.update(static_cast<uint32_t>(i & 1), 30);
  CHECK(seasoned.count() == 30);
  const uint32_t before = seasoned.probability();
  seasoned.update(1, 30);
  CHECK(seasoned.probability() - before < 65536 / 30);
}

TEST_CASE("fine bit model: falls further than others, and never to certainty") {
  for (const uint32_t bit : {0u, 1u}) {
    FineBitModel model;
    CHECK(model.probability() == FineBitModel::kOne / 2);
    for (int i = 0; i < 200000; ++i) {
      model.update(bit, 1023);
      REQUIRE(model.probability() >= FineBitModel::kLeast);
      REQUIRE(model.probability() < FineBitModel::kOne);
    }
    CHECK(model.count == 1023);
    if (bit == 0) CHECK(model.probability() == FineBitModel::kLeast);
    if (bit == 1) CHECK(model.probability() > FineBitModel::kOne - 2048);
  }
}

TEST_CASE("bit model: rates as the specification states them") {
  CHECK(kRates[0] == 43690);
  CHECK(kRates[1] == 26214);
  CHECK(kRates[30] == 2080);
  CHECK(kRates[127] == 510);
  CHECK(kRates[255] == 255);
  CHECK(kRates[1023] == 63);
}

TEST_CASE("tree model: codes every symbol, most significant bit first") {
  for (uint32_t symbol = 0; symbol < 64; ++symbol) {
    TreeModel<6> model;
    Witness witness;
    CHECK(model.code(witness, symbol) == symbol);
    CHECK(witness.probabilities.size() == 6);
  }
}

TEST_CASE("number model: every length up to 63 bits comes back, and so does the state") {
  test::Random random = test::seeded("number model");
  std::vector<uint64_t> numbers = {0, 1, 2, 3, 127, 128, 129, (1ull << 63) - 1, 1ull << 62};
  for (int i = 0; i < 3000; ++i) numbers.push_back(random() >> (1 + random.below(63)));
  Bytes coded;
  auto model = std::make_unique<NumberModel>();
  pack::RangeEncoder encoder(coded);
  for (const uint64_t number : numbers) REQUIRE(model->code(encoder, number) == number);
  encoder.finish();
  apply::RangeDecoder decoder(coded);
  model = std::make_unique<NumberModel>();
  for (const uint64_t number : numbers) REQUIRE(model->code(decoder, 0) == number);
  CHECK(decoder.status() == Status::ok);
}

TEST_CASE("number model: a number that comes again and again costs little") {
  Bytes coded;
  const auto model = std::make_unique<NumberModel>();
  pack::RangeEncoder encoder(coded);
  for (int i = 0; i < 1000; ++i) model->code(encoder, 37);
  encoder.finish();
  CHECK(coded.size() < 100);
}
