#include "mallorn-delta/row_votes.hpp"

#include <doctest/doctest.h>

#include "tests/support/tensors.hpp"

using namespace mallorn;
using delta::Alike;
using delta::AxisPair;
using delta::kNoIndex;
using test::Bytes;

namespace {

constexpr uint64_t kVotedRows = 90;
constexpr uint64_t kVotedColumns = 120;

using RowList = std::vector<uint32_t>;

Bytes elements_at(const Bytes& matrix, size_t width, const RowList& rows,
                  const RowList& columns, test::Random& random) {
  Bytes made;
  for (const uint32_t row : rows) {
    for (const uint32_t column : columns) {
      Bytes element = random.bytes(width);
      const size_t at = (row * kVotedColumns + column) * width;
      for (size_t i = 0; row != kNoIndex && column != kNoIndex && i < width; ++i)
        element[i] = matrix[at + i];
      made.insert(made.end(), element.begin(), element.end());
    }
  }
  return made;
}

// The first `length`, with others here and there.
RowList with_new_rows(test::Random& random, uint32_t length, uint64_t one_in = 10) {
  RowList indices;
  for (uint32_t i = 0; i < length; ++i) {
    if (random.chance(one_in)) indices.push_back(kNoIndex);
    indices.push_back(i);
  }
  return indices;
}

RowList in_disorder(test::Random& random, uint32_t length) {
  RowList indices;
  for (uint32_t i = 0; i < length; ++i) {
    indices.push_back(i);
    std::swap(indices.back(), indices[random.below(i + 1)]);
  }
  return indices;
}

// How many rows are found where they were; a row that is said to be another is wrong.
size_t found_rows(const Bytes& base, const Bytes& result, Dtype dtype, const RowList& rows,
                  uint64_t columns, Alike alike) {
  const Model from = test::model_of({{"w", {kVotedRows, kVotedColumns}, base, dtype}});
  const Model to = test::model_of({{"w", {rows.size(), columns}, result, dtype}});
  const AxisPair pair = {from,
                         to,
                         from.manifest.ranges[0],
                         to.manifest.ranges[0],
                         {{kVotedRows, rows.size(), {}}, {kVotedColumns, columns, {}}}};
  const auto picks = delta::match_rows(pair, 0, alike);
  if (!picks) return 0;
  REQUIRE(picks->size() == rows.size());
  size_t found = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if ((*picks)[i] == kNoIndex) continue;
    CHECK((*picks)[i] == rows[i]);
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("row votes: rows are found although columns have come in, or moved") {
  test::Random random = test::seeded("votes");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::i8, Dtype::f64}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes base = random.bytes(kVotedRows * kVotedColumns * width);
    const RowList rows = with_new_rows(random, kVotedRows);
    const RowList columns = with_new_rows(random, kVotedColumns);
    const Bytes wider = elements_at(base, width, rows, columns, random);
    CHECK(found_rows(base, wider, dtype, rows, columns.size(), Alike::equal) >
          kVotedRows * 3 / 4);
    const RowList turned = in_disorder(random, kVotedRows);
    const Bytes moved =
        elements_at(base, width, turned, in_disorder(random, kVotedColumns), random);
    CHECK(found_rows(base, moved, dtype, turned, kVotedColumns, Alike::whole) ==
          kVotedRows);
  }
}

TEST_CASE("row votes: rows whose elements have changed a little") {
  test::Random random = test::seeded("near votes");
  const Bytes base = random.bytes(kVotedRows * kVotedColumns);
  const RowList rows = with_new_rows(random, kVotedRows);
  const RowList kept = with_new_rows(random, kVotedColumns, 40);
  const Bytes made = test::tuned(random, elements_at(base, 1, rows, kept, random), 1);
  const uint64_t columns = kept.size();
  CHECK(found_rows(base, made, Dtype::i8, rows, columns, Alike::near) > kVotedRows / 2);
}

TEST_CASE("row votes: of rows that have nothing in common none is found") {
  test::Random random = test::seeded("strange votes");
  const Bytes base = random.bytes(kVotedRows * kVotedColumns * 4);
  const Bytes other = random.bytes(kVotedRows * kVotedColumns * 4);
  const RowList none(kVotedRows, kNoIndex);
  for (const Alike alike : {Alike::whole, Alike::equal, Alike::near})
    CHECK(found_rows(base, other, Dtype::f32, none, kVotedColumns, alike) == 0);
  const Bytes zeros(kVotedRows * kVotedColumns * 4);  // one is as good as another
  CHECK(found_rows(zeros, zeros, Dtype::f32, none, kVotedColumns, Alike::whole) == 0);
}
