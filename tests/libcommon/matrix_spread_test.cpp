// MatrixSpread: columns apart from one another, rows and pieces that begin, bounds.
#include "libcommon/core/matrix_spread.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <vector>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

void learn_row(MatrixSpread* spread, uint64_t row, int32_t first_bits,
               int32_t second_bits) {
  spread->begin_row(row);
  MatrixSpread::Row in_row(*spread);
  in_row.learn(first_bits, 0);
  in_row.next_column();
  in_row.learn(second_bits, 0);
}

int32_t expected_in(MatrixSpread* spread, uint32_t column) {
  MatrixSpread::Row in_row(*spread);
  for (uint32_t j = 0; j < column; ++j) in_row.next_column();
  return in_row.expected().size;
}

}  // namespace

TEST_CASE("matrix spread: columns become known for what they are") {
  const auto spread = std::make_unique<MatrixSpread>();
  spread->begin_matrix(2, 400);
  for (uint64_t row = 0; row < 200; ++row) learn_row(spread.get(), row, 10, 2);
  CHECK(expected_in(spread.get(), 0) > 9 * 1024);
  CHECK(expected_in(spread.get(), 1) < 3 * 1024);
  spread->begin_matrix(2, 400);  // another matrix: nothing is known of its columns
  CHECK(expected_in(spread.get(), 0) == expected_in(spread.get(), 1));
}

TEST_CASE("matrix spread: steps are those of the specification") {
  const auto spread = std::make_unique<MatrixSpread>();
  spread->begin_matrix(2, 6);
  learn_row(spread.get(), 0, 15, 16);
  CHECK(expected_in(spread.get(), 0) == 15360);       // the last one does not count yet,
  CHECK(expected_in(spread.get(), 1) == 15360 + 58);  // but 1024 * kRates[16] >> 16
  spread->begin_row(1);
  MatrixSpread::Row in_row(*spread);
  in_row.learn(15, 0);  // 1024 * kRates[1] >> 16 above the first one
  CHECK(in_row.expected().size == 15360 + 409 + (-409 * kRates[17] >> 16));
}

TEST_CASE("matrix spread: blocks grow with what is known, and stay within the row") {
  const auto spread = std::make_unique<MatrixSpread>();
  spread->begin_matrix(1000, 4000);
  MatrixSpread::Row in_row(*spread);
  constexpr auto kMost = MatrixSpread::kMostHeld;
  std::array<int16_t, kMost> exponents{};
  std::array<int16_t, kMost> lengths{};
  std::array<int32_t, kMost> here{};
  lengths.fill(1024);
  std::vector<uint32_t> held;
  for (uint32_t left = 1000; left > 0; left -= held.back()) {
    held.push_back(in_row.held(left));
    in_row.find_here(held.back(), here.data());
    in_row.learn_block(held.back(), exponents.data(), lengths.data(), here.data());
  }
  CHECK(std::vector(held.begin(), held.begin() + 9) ==
        std::vector<uint32_t>{1, 1, 1, 1, 1, 1, 1, 1, 2});
  CHECK(held[held.size() - 2] == kMost);
  CHECK(held.back() < kMost);
}

TEST_CASE("matrix spread: a block is learned at its end, with the steps of the format") {
  const auto spread = std::make_unique<MatrixSpread>();
  spread->begin_matrix(2, 8);
  spread->begin_row(0);
  std::array<int32_t, 2> here{};
  {
    MatrixSpread::Row in_row(*spread);
    in_row.learn_block(1, std::array<int16_t, 1>{3}.data(),
                       std::array<int16_t, 1>{0}.data(), here.data());
    CHECK(!in_row.is_known());  // what does not move says nothing of what does
    in_row.learn_block(1, std::array<int16_t, 1>{3}.data(),
                       std::array<int16_t, 1>{2048}.data(), here.data());
    CHECK(in_row.is_known());
  }
  spread->begin_row(1);
  {
    MatrixSpread::Row in_row(*spread);
    in_row.find_here(2, here.data());
    CHECK(here == std::array<int32_t, 2>{5120, 5120});
    in_row.learn_block(2, std::array<int16_t, 2>{3, 2}.data(),
                       std::array<int16_t, 2>{3072, 0}.data(), here.data());
  }
  // One bit more, and half of three bits less: by kRates[2], columns by kRates[17].
  MatrixSpread::Row in_row(*spread);
  in_row.find_here(2, here.data());
  const int32_t all = 5120 + ((1024 - 1536) * kRates[2] >> 16);
  CHECK(here[0] == all + (1024 * kRates[17] >> 16));
  CHECK(here[1] == all + (-1536 * kRates[17] >> 16));
}

TEST_CASE("matrix spread: a single row, and more columns than are kept, have no columns") {
  const auto spread = std::make_unique<MatrixSpread>();
  for (const uint64_t columns : {uint64_t{8}, uint64_t{kMaxColumns} + 1}) {
    spread->begin_matrix(columns, columns == 8 ? 8 : 2 * columns);
    learn_row(spread.get(), 0, 3, 9);
    CHECK(expected_in(spread.get(), 0) == expected_in(spread.get(), 1));
  }
}

TEST_CASE("matrix spread: whatever comes, it stays within bounds") {
  test::Random random = test::seeded("matrix spread");
  const auto spread = std::make_unique<MatrixSpread>();
  constexpr int32_t kMost = 1024 * (64 + 2047);
  for (int piece = 0; piece < 20; ++piece) {
    spread->begin_matrix(64, 64 * 300);
    for (uint64_t row = 0; row < 300; ++row) {
      spread->begin_row(row);
      MatrixSpread::Row in_row(*spread);
      for (uint32_t column = 0; column < 64; ++column) {
        const bool is_high = (column + static_cast<uint32_t>(piece)) % 2 == 0;
        in_row.learn(is_high ? 64 : static_cast<int32_t>(random.below(3)),
                     is_high ? 2047 : 0);
        REQUIRE(in_row.expected().size >= -kMost);
        REQUIRE(in_row.expected().size <= 2 * kMost);
        in_row.next_column();
      }
    }
  }
}
