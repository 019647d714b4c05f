// LowRank against sums of products in 64 bits.
#include "libcommon/core/low_rank.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

int16_t any_factor(test::Random& random) {
  constexpr int16_t kExtremes[] = {-32767, 32767, 0, 1, -1};
  if (random.chance(4)) return kExtremes[random.below(std::size(kExtremes))];
  return static_cast<int16_t>(random.below(65535));
}

uint32_t any_unit(test::Random& random) {
  return static_cast<uint32_t>(random.below(kMaxRankUnit + 1ull) >> random.below(24));
}

// Checks `rows` rows of shifts, with random units and factors.
void check(test::Random& random, LowRank* low_rank, uint32_t ranks, uint32_t columns,
           int rows) {
  CAPTURE(ranks);
  CAPTURE(columns);
  low_rank->begin(ranks, columns);
  CHECK(low_rank->ranks() == ranks);
  std::vector<int64_t> unit(ranks);
  std::vector<std::vector<int64_t>> factor(ranks);
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    unit[rank] = any_unit(random);
    low_rank->set_unit(rank, static_cast<uint32_t>(unit[rank]));
    for (uint32_t j = 0; j < columns; ++j) {
      const int16_t made = any_factor(random);
      factor[rank].push_back(made);
      low_rank->set_column(rank, j, made);
    }
  }
  for (int row = 0; row < rows; ++row) {
    std::array<int16_t, kMaxRanks> factors{};
    for (uint32_t rank = 0; rank < ranks; ++rank) factors[rank] = any_factor(random);
    low_rank->begin_row(factors);
    bool is_same = true;
    for (uint32_t j = 0; j < columns; ++j) {
      int64_t sum = 0;  // products have 54 bits, and there are at most 64
      for (uint32_t rank = 0; rank < ranks; ++rank) {
        sum += unit[rank] * factors[rank] * factor[rank][j];
      }
      is_same = is_same && low_rank->shift(j) == static_cast<int32_t>(sum);
    }
    REQUIRE(is_same);
  }
}

}  // namespace

TEST_CASE("low rank: shifts are sums of products, modulo 2^32") {
  test::Random random = test::seeded("low rank");
  const auto low_rank = std::make_unique<LowRank>();
  for (int round = 0; round < 100; ++round) {
    check(random, low_rank.get(), static_cast<uint32_t>(random.below(kMaxRanks + 1)),
          1 + static_cast<uint32_t>(random.below(300)), 4);
  }
}

TEST_CASE("low rank: as many ranks and columns as there may be") {
  test::Random random = test::seeded("low rank limits");
  const auto low_rank = std::make_unique<LowRank>();
  check(random, low_rank.get(), kMaxRanks, kMaxFactors / kMaxRanks, 2);
  check(random, low_rank.get(), kMaxFactors / kMaxColumns, kMaxColumns, 2);
  check(random, low_rank.get(), 1, kMaxColumns, 2);
  check(random, low_rank.get(), kMaxRanks, 1, 2);
}

TEST_CASE("low rank: a row without factors has no shifts, whatever was before") {
  const auto low_rank = std::make_unique<LowRank>();
  low_rank->begin(1, 3);
  low_rank->set_unit(0, 5);
  for (uint32_t j = 0; j < 3; ++j) low_rank->set_column(0, j, -7);
  low_rank->begin_row({11});
  CHECK(low_rank->shift(2) == -5 * 7 * 11);
  low_rank->begin_row({});
  CHECK(low_rank->shift(2) == 0);
}
