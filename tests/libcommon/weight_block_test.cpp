// Weights of another dtype as a base: what they tell of scales and codes, and a decoder
// follows its encoder whatever they are.
#include "libcommon/core/weight_block.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <memory>
#include <string>

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/conversion.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/weights.hpp"

using namespace mallorn;
using test::Bytes;
using test::WeightPair;

namespace {

int64_t weight_of_float(float number) { return weight_of(std::bit_cast<uint32_t>(number)); }

Bytes encode(const QuantGrid& grid, const std::vector<WeightPair>& pairs) {
  Bytes coded;
  const auto model = std::make_unique<BlockModel>();
  pack::RangeEncoder encoder(coded);
  for (const WeightPair& pair : pairs) {
    QuantBlock block = pair.result;
    REQUIRE(model->code(encoder, grid, pair.base, &block));
    REQUIRE(test::is_same(block, pair.result));  // coding changes nothing
  }
  encoder.finish();
  return coded;
}

size_t check_round_trip(const QuantGrid& grid, const std::vector<WeightPair>& pairs) {
  const Bytes coded = encode(grid, pairs);
  const auto model = std::make_unique<BlockModel>();
  apply::RangeDecoder decoder(coded);
  QuantBlock block;
  for (const WeightPair& pair : pairs) {
    REQUIRE(model->code(decoder, grid, pair.base, &block));
    REQUIRE(test::is_same(block, pair.result));
  }
  REQUIRE(decoder.status() == Status::ok);
  return coded.size();
}

template <typename Visit>
void for_each_target(const Visit& visit) {
  for (const Dtype dtype : test::kWeightDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, *quant_grid(dtype));
  }
}

}  // namespace

TEST_CASE("weights: numbers in units of 2^-24, rounded away from zero, within bounds") {
  CHECK(weight_of_float(0.0f) == 0);
  CHECK(weight_of_float(-0.0f) == 0);
  CHECK(weight_of_float(1.0f) == 1 << 24);
  CHECK(weight_of_float(-2.5f) == -5 * (1 << 23));
  CHECK(weight_of_float(0x1p-24f) == 1);
  CHECK(weight_of_float(0x1p-25f) == 1);
  CHECK(weight_of_float(-0x1.8p-24f) == -2);
  CHECK(weight_of_float(0x1.FFFFFEp-26f) == 0);
  CHECK(weight_of_float(0x1p-149f) == 0);
  CHECK(weight_of_float(65535.0f) == int64_t{65535} << 24);
  CHECK(weight_of_float(65536.0f) == int64_t{1} << 40);
  CHECK(weight_of_float(-0x1.FFFFFEp127f) == -(int64_t{1} << 40));
  CHECK(weight_of(0x7F800000) == 0);  // infinities and NaN
  CHECK(weight_of(0xFFC00001) == 0);
}

TEST_CASE("weights: places among codes are those of weights in steps") {
  const WeightMap map({3 << 20, -(5 << 20)});
  CHECK(map.place(-(5 << 20)) == 0);
  CHECK(map.place(1 << 20) == 8192);
  CHECK(map.place(-(8 << 20)) == -4096);
  CHECK(map.place(int64_t{1} << 40) == 1 << 24);
  CHECK(map.place(-(int64_t{1} << 40)) == -(1 << 24));
  CHECK(WeightMap({-(1 << 20), 0}).place(2 << 20) == -8192);
  CHECK(WeightMap({0, 7}).place(100) == 0);
  const int64_t largest = int64_t{1} << 48;
  CHECK(WeightMap({largest, -largest}).place(int64_t{1} << 40) >= 4096);
}

TEST_CASE("weights: a lean becomes what guesses are missed by, within bounds") {
  Lean lean;
  CHECK(lean.apply(1000) == 1000);
  CHECK(lean.apply(-1000) == -1000);
  for (int i = 0; i < 200; ++i) lean.learn(1 << 20, (1 << 20) / 8 * 7);
  CHECK(lean.apply(8000) >= 6995);
  CHECK(lean.apply(8000) <= 7005);
  for (int i = 0; i < 200; ++i) lean.learn(1, int64_t{1} << 52);
  CHECK(lean.apply(4096) <= 8192);
  for (int i = 0; i < 400; ++i) lean.learn(int64_t{1} << 52, 0);
  CHECK(lean.apply(4096) >= 2047);
  lean.learn(0, 5);
  CHECK(lean.apply(int64_t{1} << 48) <= int64_t{1} << 48);
}

TEST_CASE("weights: blocks of every kind come back, whatever the weights") {
  test::Random random = test::seeded("weight blocks");
  for_each_target([&](Dtype, const QuantGrid& grid) {
    for (int round = 0; round < 15; ++round) {
      std::vector<WeightPair> pairs;
      for (uint64_t i = random.below(40); i > 0; --i) {
        pairs.push_back(test::make_weight_pair(random, grid));
      }
      check_round_trip(grid, pairs);
    }
  });
}

TEST_CASE("weights: codes that follow from them cost next to nothing") {
  test::Random random(61);
  for_each_target([&](Dtype dtype, const QuantGrid& grid) {
    std::vector<WeightPair> pairs;
    for (int i = 0; i < 300; ++i) pairs.push_back(test::quantized_pair(random, grid, 3));
    // Scales at random take what they have; the codes must not.
    const size_t codes = 300 * test::code_count(grid);
    const size_t scales =
        300 * dtype_layout(dtype).block_bytes -
        codes * std::bit_width(static_cast<unsigned>(grid.codes.high - grid.codes.low)) / 8;
    CHECK(check_round_trip(grid, pairs) < scales * 3 / 2 + codes / 40);
  });
}

TEST_CASE("weights: whatever is decoded is within bounds or refused") {
  struct AnyBits {
    test::Random random{62};
    uint32_t code(uint32_t p16, uint32_t) { return random.below(65536) < p16 ? 1 : 0; }
    uint32_t code_fine(uint32_t p22, uint32_t) {
      return random.below(FineBitModel::kOne) < p22 ? 1 : 0;
    }
    uint32_t code_bits(uint32_t, uint32_t count) {
      return static_cast<uint32_t>(random.below(uint64_t{1} << count));
    }
  };
  for_each_target([](Dtype, const QuantGrid& grid) {
    test::Random random(63);
    AnyBits coder;
    size_t refused = 0;
    const auto model = std::make_unique<BlockModel>();
    for (int i = 0; i < 500; ++i) {
      QuantBlock block;
      if (!model->code(coder, grid, test::make_weight_pair(random, grid).base, &block)) {
        ++refused;
        start_anew(model.get());
        continue;
      }
      bool is_within = block.scale <= test::scale_mask(grid);
      test::for_each_integer(grid, &block, [&](int16_t number, Bounds bounds) {
        is_within = is_within && number >= bounds.low && number <= bounds.high;
      });
      REQUIRE(is_within);
    }
    CHECK(refused > 0);
  });
}

TEST_CASE("models: pinned, what BlockModel writes for fixed weights") {
  test::PinCheck pins;
  size_t pin = 0;
  for_each_target([&](Dtype dtype, const QuantGrid& grid) {
    test::Random random(64);
    std::vector<WeightPair> pairs;
    for (int i = 0; i < 60; ++i) pairs.push_back(test::make_weight_pair(random, grid));
    REQUIRE(std::string(test::kWeightPins[pin].input) == dtype_layout(dtype).name);
    pins.add(test::kWeightPins[pin++], encode(grid, pairs));
  });
  pins.finish();
}
