// SymbolModel: a decoder follows its encoder whatever the symbols, and they cost what they
// should; MoveCells: every magnitude has one cell.
#include "libcommon/core/symbol_model.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "libcommon/core/move_cells.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/bit_cost.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes check_round_trip(const std::vector<uint32_t>& symbols) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  pack::BitCost cost;
  SymbolModel model;
  SymbolModel counted;
  for (const uint32_t symbol : symbols) {
    REQUIRE(model.code(encoder, symbol, false) == symbol);
    REQUIRE(counted.code(cost, symbol, false) == symbol);
  }
  encoder.finish();
  CHECK(std::abs(static_cast<double>(cost.bytes()) - static_cast<double>(coded.size())) <
        9 + 0.01 * static_cast<double>(coded.size()));
  for (const bool foresees_first : {false, true}) {  // a hint, of which nothing depends
    apply::RangeDecoder decoder(coded);
    SymbolModel decoded;
    for (const uint32_t symbol : symbols) {
      REQUIRE(decoded.code(decoder, 7, foresees_first) == symbol);
    }
    REQUIRE(decoder.status() == Status::ok);
  }
  return coded;
}

}  // namespace

TEST_CASE("symbol model: a decoder follows its encoder, whatever the symbols") {
  test::Random random = test::seeded("symbol model");
  for (int round = 0; round < 40; ++round) {
    const uint64_t most = 1 + random.below(SymbolModel::kSymbols);
    std::vector<uint32_t> symbols;
    for (uint64_t i = random.below(9000); i > 0; --i) {
      symbols.push_back(static_cast<uint32_t>(
          random.chance(50) ? random.below(SymbolModel::kSymbols) : random.below(most)));
    }
    check_round_trip(symbols);
  }
}

TEST_CASE("symbol model: what always comes costs next to nothing") {
  for (const uint32_t symbol : {0u, 7u, 15u}) {
    CHECK(check_round_trip(std::vector<uint32_t>(100000, symbol)).size() < 40);
  }
}

TEST_CASE("symbol model: what is as likely as others costs what it has to") {
  test::Random random(7);
  std::vector<uint32_t> symbols;
  for (int i = 0; i < 20000; ++i) symbols.push_back(static_cast<uint32_t>(random.below(4)));
  const size_t coded = check_round_trip(symbols).size();
  CHECK(coded > 20000 / 4 - 10);
  CHECK(coded < 20000 / 4 + 50);
}

TEST_CASE("symbol model: a number is found where it belongs") {
  SymbolModel::Bounds bounds = {0, 1,  2,  3,  4,  5,  6,  7,    8,
                                9, 10, 11, 12, 13, 14, 15, 32768};
  for (int16_t number = 0; number < 20; ++number) {
    CHECK(SymbolModel::find(bounds, number) == std::min<uint32_t>(number, 15));
  }
  for (uint16_t i = 0; i <= 16; ++i) bounds[i] = static_cast<uint16_t>(2048 * i);
  for (int32_t number = 0; number < 32768; ++number) {
    const auto found = SymbolModel::find(bounds, static_cast<int16_t>(number));
    REQUIRE(found == static_cast<uint32_t>(number) / 2048);
  }
}

TEST_CASE("move cells: every magnitude has one cell, and its place there") {
  for (uint32_t even = 0; even <= kMostEven; ++even) {
    CHECK(move_symbol(0, even) == 0);
    uint32_t magnitude = 1;
    for (uint32_t symbol = 1; symbol < kLongMove; ++symbol) {
      const MoveCell& cell = kMoveCells[even][symbol];
      CHECK(cell.least == magnitude);
      for (; magnitude < cell.least + (1u << (cell.bits - 1)); ++magnitude) {
        REQUIRE(move_symbol(magnitude, even) == symbol);
      }
    }
    CHECK(magnitude == least_long_move(even));
    CHECK(move_symbol(magnitude, even) == kLongMove);
    CHECK(move_symbol(UINT64_MAX, even) == kLongMove);
  }
}
