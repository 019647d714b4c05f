// BlockModel: a decoder follows its encoder whatever the blocks, predictions see through
// other scales, and what is written is pinned.
#include "libcommon/core/block_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/model_pins.hpp"
#include "tests/support/quant_blocks.hpp"

using namespace mallorn;
using test::BlockPair;
using test::Bytes;

namespace {

// How numbers are predicted is the encoder's choice: with `alternates`, both ways occur.
Bytes encode(const QuantGrid& grid, const std::vector<BlockPair>& pairs,
             bool alternates = false) {
  Bytes coded;
  const auto model = std::make_unique<BlockModel>();
  pack::RangeEncoder encoder(coded);
  bool keeps = alternates;
  for (const BlockPair& pair : pairs) {
    if (model->code_equal(encoder, test::is_same(pair.base, pair.result))) continue;
    QuantBlock block = pair.result;
    keeps = alternates && !keeps;
    REQUIRE(model->code(encoder, grid, pair.base, keeps, &block));
    REQUIRE(test::is_same(block, pair.result));  // coding changes nothing
  }
  encoder.finish();
  return coded;
}

void check_decodes(const QuantGrid& grid, const std::vector<BlockPair>& pairs,
                   const Bytes& coded) {
  const auto model = std::make_unique<BlockModel>();
  apply::RangeDecoder decoder(coded);
  QuantBlock block;  // keeps what was decoded before, as the decoder's does
  for (const BlockPair& pair : pairs) {
    const bool is_equal = test::is_same(pair.base, pair.result);
    REQUIRE(model->code_equal(decoder, false) == is_equal);
    if (is_equal) continue;
    REQUIRE(model->code(decoder, grid, pair.base, false, &block));
    REQUIRE(test::is_same(block, pair.result));
  }
  REQUIRE(decoder.status() == Status::ok);
}

void check_round_trip(const QuantGrid& grid, const std::vector<BlockPair>& pairs) {
  check_decodes(grid, pairs, encode(grid, pairs));
  check_decodes(grid, pairs, encode(grid, pairs, true));
}

template <typename Visit>
void for_each_grid(const Visit& visit) {
  for (const Dtype dtype : test::kGridDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(*quant_grid(dtype));
  }
}

// Checks that coders are asked for nothing certain, and never reads a wanted bit.
struct RangeCheck {
  test::Random random{3};
  uint32_t least = 65536;
  uint32_t most = 0;

  uint32_t code(uint32_t p16, uint32_t) {
    least = std::min(least, p16);
    most = std::max(most, p16);
    return random.below(65536) < p16 ? 1 : 0;
  }
};

// Mixed pairs, as fixed as the generator is.
Bytes coded_input(Dtype dtype) {
  test::Random random(21);
  const QuantGrid& grid = *quant_grid(dtype);
  std::vector<BlockPair> pairs;
  for (int i = 0; i < 300; ++i) pairs.push_back(test::make_block_pair(random, grid));
  return encode(grid, pairs);
}

Bytes coded_bytes() {
  test::Random random(22);
  Bytes coded;
  const auto model = std::make_unique<BlockModel>();
  pack::RangeEncoder encoder(coded);
  const Bytes base = random.bytes(500);
  const Bytes result = random.changed(base, 4);
  for (size_t i = 0; i < base.size(); ++i) model->code_byte(encoder, result[i], base[i]);
  encoder.finish();
  return coded;
}

}  // namespace

TEST_CASE("block model: a decoder follows its encoder, whatever the blocks") {
  test::Random random = test::seeded("block model");
  for_each_grid([&](const QuantGrid& grid) {
    for (int round = 0; round < 15; ++round) {
      std::vector<BlockPair> pairs;
      for (uint64_t i = random.below(60); i > 0; --i) {
        pairs.push_back(test::make_block_pair(random, grid));
      }
      check_round_trip(grid, pairs);
    }
  });
}

TEST_CASE("block model: every half as a scale, beside one and beside its negative") {
  for (const Dtype dtype : {Dtype::q4_1, Dtype::q8_0}) {
    const QuantGrid& grid = *quant_grid(dtype);
    test::Random random(23);
    std::vector<BlockPair> pairs;
    for (uint32_t half = 0; half < 65536; half += dtype == Dtype::q8_0 ? 13 : 7) {
      BlockPair pair{test::random_block(random, grid), test::random_block(random, grid)};
      pair.base.scale = static_cast<uint16_t>(half % 2 == 0 ? 0x3C00 : half ^ 0x8000);
      pair.result.scale = static_cast<uint16_t>(half);
      if (grid.start != Start::none) {
        pair.result.minimum = static_cast<uint16_t>(half ^ 0x5555);
      }
      pairs.push_back(pair);
    }
    check_round_trip(grid, pairs);
  }
}

TEST_CASE("block model: extremes beside extremes") {
  test::Random random = test::seeded("block model extremes");
  for_each_grid([&](const QuantGrid& grid) {
    std::vector<BlockPair> pairs;
    for (int i = 0; i < 400; ++i) {
      pairs.push_back(
          {test::extreme_block(random, grid), test::extreme_block(random, grid)});
    }
    check_round_trip(grid, pairs);
  });
}

TEST_CASE("block model: bytes of a block that is not whole come back") {
  const Bytes coded = coded_bytes();
  test::Random random(22);
  const Bytes base = random.bytes(500);
  const Bytes result = random.changed(base, 4);
  const auto model = std::make_unique<BlockModel>();
  apply::RangeDecoder decoder(coded);
  for (size_t i = 0; i < base.size(); ++i) {
    REQUIRE(model->code_byte(decoder, 0, base[i]) == result[i]);
  }
  CHECK(decoder.status() == Status::ok);
}

TEST_CASE("block model: whatever is decoded is within bounds or refused") {
  for_each_grid([](const QuantGrid& grid) {
    test::Random random(24);
    RangeCheck coder;
    size_t refused = 0;
    auto model = std::make_unique<BlockModel>();
    for (int i = 0; i < 2000; ++i) {
      const BlockPair pair = test::make_block_pair(random, grid);
      (void)model->code_equal(coder, false);
      QuantBlock block;
      if (!model->code(coder, grid, pair.base, false, &block)) {
        ++refused;
        *model = BlockModel{};
        continue;
      }
      bool is_within = true;
      test::for_each_integer(grid, &block, [&](int16_t number, Bounds bounds) {
        is_within = is_within && number >= bounds.low && number <= bounds.high;
      });
      REQUIRE(is_within);
    }
    CHECK(refused > 0);
    CHECK(coder.least >= 16);
    CHECK(coder.most <= 65520);
  });
}

TEST_CASE("block model: equal blocks cost next to nothing, unrelated ones little more") {
  test::Random random(25);
  for (const Dtype dtype : test::kGridDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const QuantGrid& grid = *quant_grid(dtype);
    const size_t block_bytes = dtype_layout(dtype).block_bytes;
    std::vector<BlockPair> equal;
    std::vector<BlockPair> unrelated;
    for (int i = 0; i < 2000; ++i) {
      const QuantBlock block = test::random_block(random, grid);
      equal.push_back({block, block});
      unrelated.push_back({block, test::random_block(random, grid)});
    }
    CHECK(encode(grid, equal).size() < 20);
    CHECK(encode(grid, unrelated).size() < 2000 * block_bytes * 23 / 20);
  }
}

TEST_CASE("block model: codes that follow from other scales cost next to nothing") {
  test::Random random(26);
  for (const Dtype dtype : test::kGridDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const QuantGrid& grid = *quant_grid(dtype);
    std::vector<BlockPair> predicted;
    std::vector<BlockPair> blind;  // the same codes, under scales that say nothing new
    size_t moved = 0;
    for (int i = 0; i < 500; ++i) {
      const QuantBlock base = test::random_block(random, grid);
      const QuantBlock result =
          test::requantized(grid, base, test::rescaled(random, grid, base));
      QuantBlock told = result;
      told.code = base.code;
      predicted.push_back({base, result});
      blind.push_back({told, result});
      for (size_t k = 0; k < test::code_count(grid); ++k) {
        moved += base.code[k] != result.code[k] ? 1 : 0;
      }
    }
    const size_t coded = encode(grid, predicted).size();
    const size_t without = encode(grid, blind).size();
    check_round_trip(grid, predicted);
    CHECK(moved > 2000);
    // About a byte for each scale in half precision, as good as nothing for the codes.
    CHECK(coded < (grid.start == Start::none ? 750 : 1300));
    if (grid.codes.high - grid.codes.low > 7) CHECK(2 * coded < without);
  }
}

TEST_CASE("models: pinned, what BlockModel writes for fixed blocks") {
  test::PinCheck pins;
  for (size_t i = 0; i < std::size(test::kGridDtypes); ++i) {
    const Dtype dtype = test::kGridDtypes[i];
    REQUIRE(std::string(test::kBlockPins[i].input) == dtype_layout(dtype).name);
    pins.check(test::kBlockPins[i], coded_input(dtype));
  }
  pins.check(test::kBlockPins[std::size(test::kGridDtypes)], coded_bytes());
  CHECK_MESSAGE(!pins.is_changed(), pins.now());
}
