// Ranks are found where they are, none where there are none, the same every time.
#include "mallorn-pack/rank_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/random.hpp"

using namespace mallorn;
using pack::FittedRanks;
using pack::Update;

namespace {

// From -1 to 1.
float any_number(test::Random& random) {
  return static_cast<float>(random.below(20001)) / 10000 - 1;
}

// A sum of so many products, and noise of at most `noise` beside.
Update make_update(test::Random& random, size_t rows, size_t columns, size_t ranks,
                   float noise) {
  Update made;
  made.rows = rows;
  made.columns = columns;
  made.values.resize(rows * columns);
  for (size_t k = 0; k < ranks; ++k) {
    std::vector<float> across(columns);
    for (float& factor : across) factor = any_number(random);
    for (size_t r = 0; r < rows; ++r) {
      const float along = any_number(random);
      for (size_t j = 0; j < columns; ++j)
        made.values[r * columns + j] += along * across[j];
    }
  }
  for (float& value : made.values) value += noise * any_number(random);
  made.floor = 1e-6;
  return made;
}

// What an encoder relies on.
void check_limits(const Update& update, size_t all_rows, const FittedRanks& found) {
  const size_t ranks = found.units.size();
  REQUIRE(ranks <= kMaxRanks);
  REQUIRE(ranks * update.columns <= kMaxFactors);
  REQUIRE(found.column_factors.size() == ranks * update.columns);
  REQUIRE(found.row_factors.size() == ranks * all_rows);
  for (const uint32_t unit : found.units) REQUIRE(unit <= kMaxRankUnit);
  for (const int16_t factor : found.column_factors) REQUIRE(factor >= -32767);
  for (const int16_t factor : found.row_factors) REQUIRE(factor >= -32767);
}

// The mean square that the ranks leave over.
double left_over(const Update& update, const FittedRanks& found) {
  const size_t ranks = found.units.size();
  double sum = 0;
  for (size_t i = 0; i < update.values.size(); ++i) {
    double shift = 0;
    for (size_t k = 0; k < ranks; ++k) {
      shift += 1.0 * found.row_factors[i / update.columns * ranks + k] *
               found.column_factors[k * update.columns + i % update.columns] *
               found.units[k];
    }
    const double left = update.values[i] - std::ldexp(shift, found.exponent);
    sum += left * left;
  }
  return sum / static_cast<double>(update.values.size());
}

FittedRanks find(const Update& update) {
  return pack::find_ranks(update, update.rows, std::nullopt);
}

}  // namespace

TEST_CASE("rank fit: ranks are found, about as many as there are") {
  test::Random random(81);
  for (const size_t ranks : {1, 2, 5, 12}) {
    CAPTURE(ranks);
    const Update update = make_update(random, 150, 200, ranks, 0.001f);
    const FittedRanks found = find(update);
    check_limits(update, update.rows, found);
    CHECK(found.units.size() >= ranks);
    CHECK(found.units.size() <= ranks + 1 + ranks / 4);
    CHECK(left_over(update, found) < 1e-4);
  }
}

TEST_CASE("rank fit: rows beyond those of the update have factors of zero") {
  test::Random random(82);
  const Update update = make_update(random, 60, 70, 2, 0);
  const FittedRanks found = pack::find_ranks(update, 61, std::nullopt);
  check_limits(update, 61, found);
  REQUIRE(found.units.size() >= 2);
  for (size_t k = 1; k <= found.units.size(); ++k) {
    CHECK(found.row_factors[found.row_factors.size() - k] == 0);
  }
}

TEST_CASE("rank fit: noise, nothing and a few rows or columns have none") {
  test::Random random(83);
  CHECK(find(make_update(random, 100, 120, 0, 1)).units.empty());
  CHECK(find(make_update(random, 100, 120, 0, 0)).units.empty());
  CHECK(find(make_update(random, 7, 400, 1, 0)).units.empty());
  CHECK(find(make_update(random, 400, 7, 1, 0)).units.empty());
  CHECK(find(make_update(random, 8, kMaxColumns + 1, 1, 0)).units.empty());
  Update none;
  CHECK(find(none).units.empty());
  Update rounding = make_update(random, 100, 120, 1, 0);
  rounding.floor = 100;  // what rounding adds is more
  CHECK(find(rounding).units.empty());
}

TEST_CASE("rank fit: numbers too large for single precision have none") {
  test::Random random(84);
  const Update update = make_update(random, 40, 50, 1, 0);
  for (const float by : {1e20f, 1e38f, std::numeric_limits<float>::infinity(),
                         std::numeric_limits<float>::quiet_NaN()}) {
    Update large = update;
    for (float& value : large.values) value *= by;
    CHECK(find(large).units.empty());
  }
  Update one = update;
  one.values[777] = std::numeric_limits<float>::infinity();
  CHECK(find(one).units.empty());
}

TEST_CASE("rank fit: as many as fit, at most, and within limits at every size") {
  test::Random random(85);
  const Update many = make_update(random, 100, 100, 90, 0);
  check_limits(many, 100, find(many));
  for (const int power : {-120, -60, -20, 20, 55}) {
    CAPTURE(power);
    Update scaled = make_update(random, 40, 50, 2, 0.001f);
    for (float& value : scaled.values) value = std::ldexp(value, power);
    scaled.floor = std::ldexp(scaled.floor, 2 * power);
    const FittedRanks found = find(scaled);
    check_limits(scaled, 40, found);
    if (std::abs(power) < 60) CHECK(found.units.size() >= 2);
  }
}

TEST_CASE("rank fit: an exponent that is given is kept") {
  test::Random random(86);
  const Update update = make_update(random, 60, 70, 2, 0.001f);
  const FittedRanks found = pack::find_ranks(update, 60, -24);
  check_limits(update, 60, found);
  CHECK(found.exponent == -24);
  CHECK(found.units.size() >= 2);
  CHECK(left_over(update, found) < 1e-4);
}

TEST_CASE("rank fit: the same is found every time") {
  test::Random random(87);
  const Update update = make_update(random, 90, 110, 4, 0.01f);
  const FittedRanks first = find(update);
  const FittedRanks again = find(update);
  REQUIRE_FALSE(first.units.empty());
  CHECK(first.exponent == again.exponent);
  CHECK(first.units == again.units);
  CHECK(first.column_factors == again.column_factors);
  CHECK(first.row_factors == again.row_factors);
}
