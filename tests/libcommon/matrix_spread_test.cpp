// MatrixSpread: columns apart from one another, rows and pieces that begin, bounds.
#include "libcommon/core/matrix_spread.hpp"

#include <doctest/doctest.h>

#include <memory>

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
  CHECK(in_row.next_expected().size == 15360 + 409 + 58);  // 1024 * kRates[1] >> 16
  in_row.learn(15, 0);
  CHECK(in_row.expected().size == 15360 + 409 + (-409 * kRates[17] >> 16));
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
