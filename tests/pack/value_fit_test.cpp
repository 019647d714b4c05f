// What is found between two matrices: gains, ranks, and nothing where there is nothing.
#include "mallorn-pack/value_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using pack::FittedPiece;
using pack::MatrixPair;
using test::Bytes;
using test::ValuePair;

namespace {

FittedPiece piece_of(const ValueType& type, const ValuePair& pair, uint32_t columns) {
  FittedPiece fitted;
  fitted.piece.elements = pair.result.size() / type.bytes;
  fitted.piece.method = PieceMethod::predicted;
  fitted.piece.columns = columns;
  return fitted;
}

MatrixPair load(const ValueType& type, const ValuePair& pair) {
  return pack::load_matrices(type, {}, pair.base, pair.result);
}

// What an encoder relies on, whatever was in the matrices.
void check_limits(const ValueType& type, const FittedPiece& fitted) {
  const Piece& piece = fitted.piece;
  const uint64_t rows = (piece.elements + piece.columns - 1) / piece.columns;
  const uint64_t lanes = piece.axis == GainAxis::none  ? 0
                         : piece.axis == GainAxis::row ? rows
                                                       : piece.columns;
  REQUIRE(fitted.gains.size() == lanes);
  for (const int32_t gain : fitted.gains) {
    REQUIRE(gain != 0);
    REQUIRE(gain >= -type.max_gain());
    REQUIRE(gain <= type.max_gain());
  }
  REQUIRE(piece.ranks <= kMaxRanks);
  REQUIRE(uint64_t{piece.ranks} * piece.columns <= kMaxFactors);
  REQUIRE(fitted.ranks.units.size() == piece.ranks);
  REQUIRE(fitted.ranks.column_factors.size() == uint64_t{piece.ranks} * piece.columns);
  REQUIRE(fitted.ranks.row_factors.size() == piece.ranks * rows);
  for (const uint32_t unit : fitted.ranks.units) REQUIRE(unit <= kMaxRankUnit);
  REQUIRE(std::abs(piece.exponent) <= 4096);
}

}  // namespace

TEST_CASE("value fit: elements as numbers") {
  const ValueType half = test::type_of(Dtype::f16);
  const Bytes base = {0x00, 0x3C, 0x00, 0xC0, 0x00, 0x7C, 0x01, 0x00};    // 1 -2 inf 2^-24
  const Bytes result = {0x00, 0x38, 0xFF, 0xFF, 0x00, 0x80, 0xFF, 0x7B};  // .5 NaN -0 max
  const MatrixPair floats = load(half, {base, result});
  CHECK(floats.base == std::vector<double>{1, -2, 0, std::ldexp(1, -24)});
  CHECK(floats.result == std::vector<double>{0.5, 0, 0, 65504});
  CHECK(floats.unit[0] == std::ldexp(1, -10));
  CHECK(floats.unit[1] == std::ldexp(1, -9));
  CHECK(floats.unit[3] == std::ldexp(1, -24));

  Piece piece;
  piece.base_zero = -128;
  piece.result_zero = 3;
  const MatrixPair codes = pack::load_matrices(test::type_of(Dtype::i8), piece,
                                               Bytes{0x80, 0x7F}, Bytes{0xFF, 3});
  CHECK(codes.base == std::vector<double>{0, 255});
  CHECK(codes.result == std::vector<double>{-4, 0});
  CHECK(codes.unit == std::vector<double>{1, 1});
}

TEST_CASE("value fit: gains of rows and of columns are found") {
  test::Random random(71);
  for (const Dtype dtype : test::kScaledDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    for (const GainAxis axis : {GainAxis::row, GainAxis::column}) {
      const test::Matrix shape = {40, 60};
      std::vector<double> gains;
      const ValuePair pair = test::scaled_pair(random, type, shape, axis, &gains);
      const MatrixPair matrices = load(type, pair);
      FittedPiece fitted = piece_of(type, pair, shape.columns);
      REQUIRE(pack::fit_gains(type, matrices, axis, &fitted) > 0);
      check_limits(type, fitted);
      CHECK(fitted.piece.axis == axis);
      size_t near = 0;
      for (size_t i = 0; i < gains.size(); ++i) {
        const double found = static_cast<double>(fitted.gains[i]) / type.gain_one();
        const bool is_not_worth_it = found == 1 && std::fabs(gains[i] - 1) < 0.1;
        near += is_not_worth_it || std::fabs(found - gains[i]) < 0.02 ? 1 : 0;
      }
      CHECK(near + 2 >= gains.size());
    }
  }
}

TEST_CASE("value fit: equal and unrelated matrices have no gains and no ranks") {
  test::Random random(72);
  for (const Dtype dtype : test::kScaledDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    const Bytes base = test::weights(random, type, 2400);
    for (const Bytes& result : {base, test::moved(random, type, base, 2)}) {
      const ValuePair pair = {base, result};
      FittedPiece fitted = piece_of(type, pair, 60);
      for (const GainAxis axis : {GainAxis::row, GainAxis::column}) {
        CHECK(pack::fit_gains(type, load(type, pair), axis, &fitted) <= 0);
      }
      CHECK(fitted.piece.axis == GainAxis::none);
      CHECK(fitted.gains.empty());
      pack::fit_ranks(type, load(type, pair), &fitted);
      CHECK(fitted.piece.ranks == 0);
      CHECK(fitted.ranks.row_factors.empty());
    }
  }
}

TEST_CASE("value fit: an update of a few ranks is found") {
  test::Random random(73);
  for (const Dtype dtype : test::kScaledDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    for (const uint32_t ranks : {1u, 3u}) {
      const test::Matrix shape = {70, 90};
      const ValuePair pair = test::low_rank_pair(random, type, shape, ranks);
      FittedPiece fitted = piece_of(type, pair, shape.columns);
      pack::fit_ranks(type, load(type, pair), &fitted);
      check_limits(type, fitted);
      CHECK(fitted.piece.ranks >= ranks);
    }
  }
}

TEST_CASE("value fit: a last row that is short has factors, all zero") {
  test::Random random(74);
  const ValueType type = test::type_of(Dtype::f32);
  ValuePair pair = test::low_rank_pair(random, type, {50, 40}, 1);
  for (Bytes* bytes : {&pair.base, &pair.result}) bytes->resize(bytes->size() - 10 * 4);
  FittedPiece fitted = piece_of(type, pair, 40);
  pack::fit_ranks(type, load(type, pair), &fitted);
  check_limits(type, fitted);
  REQUIRE(fitted.piece.ranks >= 1);
  CHECK(fitted.ranks.row_factors.back() == 0);
}

TEST_CASE("value fit: whatever the elements, what is found is within limits") {
  test::Random random = test::seeded("value fit");
  for (const Dtype dtype : test::kValueDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    if (type.gain_bits == 0) continue;
    for (int round = 0; round < 20; ++round) {
      const size_t elements = 1 + random.below(2000);
      const ValuePair pair = {test::any_elements(random, type, elements),
                              test::any_elements(random, type, elements)};
      const auto columns = 1 + static_cast<uint32_t>(random.below(elements));
      FittedPiece fitted = piece_of(type, pair, columns);
      const MatrixPair matrices = load(type, pair);
      (void)pack::fit_gains(type, matrices, static_cast<GainAxis>(1 + round % 2), &fitted);
      check_limits(type, fitted);
      pack::fit_ranks(type, matrices, &fitted);
      check_limits(type, fitted);
    }
  }
}
