// BlockModel: a decoder follows its encoder whatever the blocks, predictions see through
// other scales, and what is written is pinned.
#include "libcommon/core/block_model.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/quant_blocks.hpp"

using namespace mallorn;
using test::BlockPair;
using test::Bytes;

namespace {

// A piece and its ranks.
struct MadePiece {
  BlockPiece piece;
  std::vector<uint32_t> units;
  std::vector<int16_t> column_factors;
  std::vector<int16_t> row_factors;

  RankFit view() const { return {units.data(), column_factors.data(), row_factors.data()}; }
};

MadePiece plain_piece(size_t blocks) {
  MadePiece made;
  made.piece.blocks = blocks;
  return made;
}

size_t code_count(const QuantGrid& grid, uint64_t row_blocks) {
  return static_cast<size_t>(row_blocks) * test::code_count(grid);
}

// Ranks of any size, small or as large as may be.
MadePiece ranked_piece(test::Random& random, const QuantGrid& grid, size_t blocks) {
  MadePiece made = plain_piece(blocks);
  const uint64_t most_columns = kMaxColumns / test::code_count(grid);
  made.piece.row_blocks = 1 + random.below(std::min<uint64_t>(blocks, most_columns));
  const uint64_t most = std::min<uint64_t>(5, blocks / made.piece.row_blocks);
  made.piece.ranks = 1 + static_cast<uint32_t>(random.below(most));
  made.piece.exponent =
      static_cast<int32_t>(random.below(2 * kMaxShiftExponent + 1)) - kMaxShiftExponent;
  const size_t columns = code_count(grid, made.piece.row_blocks);
  const size_t rows = (blocks + made.piece.row_blocks - 1) / made.piece.row_blocks;
  const auto factor = [&] {
    if (random.chance(8)) return static_cast<int16_t>(random.chance(2) ? 32767 : -32767);
    return static_cast<int16_t>(static_cast<int>(random.below(201)) - 100);
  };
  for (uint32_t k = 0; k < made.piece.ranks; ++k) {
    made.units.push_back(
        static_cast<uint32_t>(random.below(kMaxRankUnit + 1ull) >> random.below(25)));
  }
  for (size_t i = 0; i < columns * made.piece.ranks; ++i) {
    made.column_factors.push_back(factor());
  }
  for (size_t i = 0; i < rows * made.piece.ranks; ++i) made.row_factors.push_back(factor());
  return made;
}

// How numbers are predicted is the encoder's choice: with `alternates`, both ways occur.
Bytes encode(const QuantGrid& grid, const std::vector<BlockPair>& pairs, bool alternates,
             const MadePiece& made) {
  Bytes coded;
  const auto model = std::make_unique<BlockModel>();
  pack::RangeEncoder encoder(coded);
  BlockPiece piece = made.piece;
  if (!pairs.empty()) {
    REQUIRE(model->begin_piece(encoder, grid, pairs.size(), &piece, made.view()));
  }
  bool keeps = alternates;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const BlockPair& pair = pairs[i];
    REQUIRE(model->begin_block(encoder, grid, piece, i, made.view()));
    if (model->code_equal(encoder, test::is_same(pair.base, pair.result))) continue;
    QuantBlock block = pair.result;
    keeps = alternates && !keeps;
    REQUIRE(model->code(encoder, grid, pair.base, keeps, &block));
    REQUIRE(test::is_same(block, pair.result));  // coding changes nothing
  }
  encoder.finish();
  return coded;
}

Bytes encode(const QuantGrid& grid, const std::vector<BlockPair>& pairs) {
  return encode(grid, pairs, false, plain_piece(pairs.size()));
}

void check_decodes(const QuantGrid& grid, const std::vector<BlockPair>& pairs,
                   const MadePiece& made, const Bytes& coded) {
  const auto model = std::make_unique<BlockModel>();
  apply::RangeDecoder decoder(coded);
  BlockPiece piece;
  if (!pairs.empty()) {
    REQUIRE(model->begin_piece(decoder, grid, pairs.size(), &piece, {}));
    REQUIRE(piece.blocks == made.piece.blocks);
    REQUIRE(piece.ranks == made.piece.ranks);
  }
  QuantBlock block;  // keeps what was decoded before, as the decoder's does
  for (size_t i = 0; i < pairs.size(); ++i) {
    const BlockPair& pair = pairs[i];
    REQUIRE(model->begin_block(decoder, grid, piece, i, {}));
    const bool is_equal = test::is_same(pair.base, pair.result);
    REQUIRE(model->code_equal(decoder, false) == is_equal);
    if (is_equal) continue;
    REQUIRE(model->code(decoder, grid, pair.base, false, &block));
    REQUIRE(test::is_same(block, pair.result));
  }
  REQUIRE(decoder.status() == Status::ok);
}

void check_round_trip(const QuantGrid& grid, const std::vector<BlockPair>& pairs,
                      const MadePiece& made) {
  for (const bool alternates : {false, true}) {
    check_decodes(grid, pairs, made, encode(grid, pairs, alternates, made));
  }
}

void check_round_trip(const QuantGrid& grid, const std::vector<BlockPair>& pairs) {
  check_round_trip(grid, pairs, plain_piece(pairs.size()));
}

// Whether a piece may begin so, with `room` for blocks.
bool may_begin(const QuantGrid& grid, const BlockPiece& piece, uint64_t room) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  BlockPiece begun = piece;
  return std::make_unique<BlockModel>()->begin_piece(encoder, grid, room, &begun, {});
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
  uint32_t code_fine(uint32_t p22, uint32_t) {
    REQUIRE(p22 >= FineBitModel::kLeast);
    REQUIRE(p22 < FineBitModel::kOne);
    return random.below(FineBitModel::kOne) < p22 ? 1 : 0;
  }
  uint32_t code_bits(uint32_t, uint32_t count) {
    return static_cast<uint32_t>(random.below(uint64_t{1} << count));
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

// In rows, with ranks.
Bytes coded_ranks(Dtype dtype) {
  test::Random random(31);
  const QuantGrid& grid = *quant_grid(dtype);
  std::vector<BlockPair> pairs;
  for (int i = 0; i < 100; ++i) pairs.push_back(test::make_block_pair(random, grid));
  return encode(grid, pairs, false, ranked_piece(random, grid, pairs.size()));
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

TEST_CASE("block model: a decoder follows its encoder, whatever the ranks") {
  test::Random random = test::seeded("block model ranks");
  for_each_grid([&](const QuantGrid& grid) {
    for (int round = 0; round < test::rounds(10); ++round) {
      std::vector<BlockPair> pairs;
      for (uint64_t i = 1 + random.below(40); i > 0; --i) {
        pairs.push_back(test::make_block_pair(random, grid));
      }
      check_round_trip(grid, pairs, ranked_piece(random, grid, pairs.size()));
    }
  });
}

TEST_CASE("block model: pieces follow one another, with ranks and without") {
  test::Random random(32);
  const QuantGrid& grid = *quant_grid(Dtype::q5_k);
  Bytes coded;
  std::vector<BlockPair> pairs;
  const auto model = std::make_unique<BlockModel>();
  pack::RangeEncoder encoder(coded);
  for (const bool has_ranks : {false, true, false, true, true}) {
    MadePiece made = has_ranks ? ranked_piece(random, grid, 7) : plain_piece(7);
    REQUIRE(model->begin_piece(encoder, grid, 7, &made.piece, made.view()));
    for (uint64_t i = 0; i < 7; ++i) {
      BlockPair pair = test::make_block_pair(random, grid);
      pairs.push_back(pair);
      REQUIRE(model->begin_block(encoder, grid, made.piece, i, made.view()));
      if (model->code_equal(encoder, test::is_same(pair.base, pair.result))) continue;
      REQUIRE(model->code(encoder, grid, pair.base, false, &pair.result));
    }
  }
  encoder.finish();

  start_anew(model.get());
  apply::RangeDecoder decoder(coded);
  BlockPiece piece;
  QuantBlock block;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i % 7 == 0) REQUIRE(model->begin_piece(decoder, grid, 7, &piece, {}));
    REQUIRE(model->begin_block(decoder, grid, piece, i % 7, {}));
    if (model->code_equal(decoder, false)) {
      REQUIRE(test::is_same(pairs[i].base, pairs[i].result));
      continue;
    }
    REQUIRE(model->code(decoder, grid, pairs[i].base, false, &block));
    REQUIRE(test::is_same(block, pairs[i].result));
  }
  CHECK(decoder.status() == Status::ok);
}

TEST_CASE("block model: codes that ranks move cost next to nothing") {
  test::Random random(33);
  for (const Dtype dtype : {Dtype::q8_0, Dtype::q6_k, Dtype::iq4_nl}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const QuantGrid& grid = *quant_grid(dtype);
    constexpr size_t kRows = 60;
    const size_t codes = test::code_count(grid);
    MadePiece made = plain_piece(kRows);
    made.piece.ranks = 1;
    made.piece.row_blocks = 1;
    made.units = {1u << 13};
    for (size_t i = 0; i < codes; ++i) {
      made.column_factors.push_back(static_cast<int16_t>(random.below(121)) - 60);
    }
    std::vector<BlockPair> pairs;
    size_t moved = 0;
    for (size_t row = 0; row < kRows; ++row) {
      made.row_factors.push_back(static_cast<int16_t>(random.below(121)) - 60);
      const QuantBlock base = test::random_block(random, grid);
      QuantBlock result = base;
      for (size_t i = 0; i < codes; ++i) {
        const test::Line line = test::line_of(grid, base, i / grid.group_codes);
        const double shift =
            std::ldexp(1.0 * made.row_factors[row] * made.column_factors[i], 13 - 24);
        const double steps =
            test::code_value(grid, base.code[i]) + (line.step == 0 ? 0 : shift / line.step);
        result.code[i] = grid.table != nullptr ? test::nearest_code(grid, steps)
                                               : test::rounded(steps, grid.codes);
        moved += result.code[i] != base.code[i] ? 1 : 0;
      }
      pairs.push_back({base, result});
    }
    CHECK(moved > kRows * codes / 8);
    const size_t coded = encode(grid, pairs, false, made).size();
    check_round_trip(grid, pairs, made);
    CHECK(coded < 400 + codes);  // about a byte for each factor
    CHECK(5 * coded < 2 * encode(grid, pairs).size());
  }
}

TEST_CASE("block model: heads of pieces that no encoder writes are refused") {
  const QuantGrid& grid = *quant_grid(Dtype::q4_0);
  const auto blocks = [&](uint64_t count) {
    BlockPiece piece;
    piece.blocks = count;
    return may_begin(grid, piece, 600);
  };
  CHECK_FALSE(blocks(0));
  CHECK(blocks(1));
  CHECK(blocks(600));
  CHECK_FALSE(blocks(601));
  CHECK_FALSE(blocks(UINT64_MAX));
  const auto head = [&](uint64_t row_blocks, uint32_t ranks, int32_t exponent = 0) {
    return may_begin(grid, {5000, ranks, row_blocks, exponent}, 5000);
  };
  CHECK_FALSE(head(0, 1));
  CHECK(head(1, 1));
  CHECK(head(512, 8));  // kMaxColumns, kMaxFactors
  CHECK_FALSE(head(512, 9));
  CHECK_FALSE(head(513, 1));
  CHECK_FALSE(head(5001, 1));
  CHECK_FALSE(head(UINT64_MAX, 1));
  CHECK_FALSE(head(UINT64_MAX / 32 + 2, 1));  // wraps around
  CHECK(head(1, 32));
  CHECK_FALSE(head(1, 33));  // more than columns
  CHECK(head(2, kMaxRanks));
  CHECK_FALSE(head(3, kMaxRanks + 1));
  CHECK(head(500, 8));
  CHECK(may_begin(grid, {100, 3, 33, 0}, 100));
  CHECK_FALSE(may_begin(grid, {100, 4, 33, 0}, 100));  // more than whole rows
  CHECK(head(1, 1, kMaxShiftExponent));
  CHECK_FALSE(head(1, 1, kMaxShiftExponent + 1));
  CHECK(head(1, 1, -kMaxShiftExponent));
  CHECK_FALSE(head(1, 1, -kMaxShiftExponent - 1));
  CHECK_FALSE(head(1, 1, INT32_MAX));
  CHECK_FALSE(head(1, 1, INT32_MIN));
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
    for (int i = 0; i < test::rounds(400); ++i) {
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
    size_t heads_refused = 0;
    const auto model = std::make_unique<BlockModel>();
    for (int i = 0; i < test::rounds(2000); ++i) {
      const BlockPair pair = test::make_block_pair(random, grid);
      BlockPiece piece;
      QuantBlock block;
      if (!model->begin_piece(coder, grid, 10, &piece, {}) ||
          !model->begin_block(coder, grid, piece, 0, {})) {
        ++heads_refused;
        start_anew(model.get());
        continue;
      }
      (void)model->code_equal(coder, false);
      if (!model->code(coder, grid, pair.base, false, &block)) {
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
    CHECK(heads_refused > 0);
    CHECK(coder.least >= 16);
    CHECK(coder.most <= 65520);
  });
}

TEST_CASE("block model: equal blocks cost next to nothing, unrelated ones little more" *
          doctest::test_suite("figures")) {
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

TEST_CASE("block model: codes that follow from other scales cost next to nothing" *
          doctest::test_suite("figures")) {
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
    pins.add(test::kBlockPins[i], coded_input(dtype));
  }
  const test::ModelPin* others = test::kBlockPins + std::size(test::kGridDtypes);
  pins.add(others[0], coded_bytes());
  pins.add(others[1], coded_ranks(Dtype::q4_k));
  pins.add(others[2], coded_ranks(Dtype::iq4_nl));
  pins.finish();
}
