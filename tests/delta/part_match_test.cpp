#include "mallorn-delta/part_match.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "mallorn-delta/plan_parts.hpp"
#include "tests/support/models.hpp"

using namespace mallorn;
using delta::AnchorIndex;
using delta::Part;
using test::Bytes;

namespace {

constexpr uint64_t kColumns = 64;

// A model of one matrix, and 100 bytes before it.
Model matrix_model(ByteView elements, Dtype dtype) {
  Manifest manifest;
  manifest.format = "gguf";
  Range gap;
  gap.length_bytes = 100;
  Range range;
  range.kind = RangeKind::tensor;
  range.dtype = dtype;
  range.offset_bytes = 100;
  range.length_bytes = elements.size();
  range.names = {"w"};
  range.shape = {elements.size() / kColumns / dtype_layout(dtype).block_bytes, kColumns};
  manifest.ranges = {gap, range};
  Bytes bytes(100, 7);
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return test::model_of(bytes, std::move(manifest));
}

std::vector<Part> parts_of(const Model& base, const Model& result) {
  const AnchorIndex index(base);
  return delta::find_parts(base, index, result, result.manifest.ranges.back(), {});
}

// `rows` of random elements, as fine-tuning leaves them: some of their last bytes, which
// have the sign, are others.
Bytes tuned(test::Random& random, Bytes rows, size_t width, uint8_t mask) {
  for (size_t at = width - 1; at < rows.size(); at += width) {
    if (random.chance(40)) rows[at] = random.byte() & mask;
    if (width > 1) rows[at - 1] = random.byte();
  }
  return rows;
}

uint64_t found_bytes(const std::vector<Part>& parts) {
  uint64_t found = 0;
  for (const Part& part : parts) found += part.has_base ? part.length : 0;
  return found;
}

}  // namespace

TEST_CASE("parts: they tile any tensor, lie in the base, and keep blocks together") {
  test::Random random = test::seeded("parts");
  for (int round = 0; round < 60; ++round) {
    const test::ModelPair pair = test::random_pair(random, 60000);
    const AnchorIndex index(pair.base);
    for (const Range& range : pair.result.manifest.ranges) {
      const std::vector<uint64_t> expected = {random.below(70000)};
      uint64_t at = 0;
      for (const Part& part :
           delta::find_parts(pair.base, index, pair.result, range, expected)) {
        REQUIRE(part.offset == at);
        REQUIRE(part.length > 0);
        REQUIRE(at % dtype_layout(range.dtype).block_bytes == 0);
        if (part.has_base)
          REQUIRE(range_fits(part.base_offset, part.length, pair.base.bytes().size()));
        at += part.length;
      }
      REQUIRE(at == range.length_bytes);
      const auto plan = delta::plan_parts(pair.base, index, pair.result, range, expected);
      if (!plan) continue;
      uint64_t planned = 0;
      for (const delta::PartStep& step : plan->steps) planned += step.length;
      REQUIRE(planned == range.length_bytes);
      REQUIRE(plan->base_ranges.size() <= 8);
    }
  }
}

// Rows of random elements whose last bytes are those bits of `mask`, in another order.
void check_moved_rows(test::Random& random, Dtype dtype, uint8_t mask) {
  const size_t width = dtype_layout(dtype).block_bytes;
  const size_t row = kColumns * width;
  Bytes old_rows = random.bytes(50 * row);
  for (size_t at = width - 1; at < old_rows.size(); at += width) old_rows[at] &= mask;
  std::vector<size_t> order(50);
  for (size_t i = 0; i < order.size(); ++i) order[i] = i * 7 % 50;
  Bytes moved;
  for (const size_t from : order) {
    moved.insert(moved.end(), old_rows.begin() + static_cast<ptrdiff_t>(from * row),
                 old_rows.begin() + static_cast<ptrdiff_t>((from + 1) * row));
  }
  const Model base = matrix_model(old_rows, dtype);
  const auto same = parts_of(base, matrix_model(moved, dtype));
  // Now and then signs agree by chance for a row, or there was no room for an anchor.
  size_t in_place = 0;
  for (const Part& part : same) {
    const size_t i = part.offset / row;
    in_place += part.offset == i * row && part.length == row &&
                        part.base_offset == 100 + order[i] * row
                    ? 1
                    : 0;
  }
  CHECK(in_place >= 42);
  const auto changed =
      parts_of(base, matrix_model(tuned(random, moved, width, mask), dtype));
  CHECK(found_bytes(changed) > moved.size() / 10 * 6);
}

TEST_CASE("parts: rows in another order are found, fine-tuned or not") {
  test::Random random = test::seeded("rows");
  for (const Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64}) {
    CAPTURE(dtype_layout(dtype).name);
    check_moved_rows(random, dtype, 0xFF);
  }
}

TEST_CASE("parts: rows without signs are found in another order as well") {
  test::Random random = test::seeded("positive rows");
  for (const Dtype dtype : {Dtype::u8, Dtype::f16, Dtype::f32, Dtype::i64}) {
    CAPTURE(dtype_layout(dtype).name);
    check_moved_rows(random, dtype, 0x7F);
  }
}

TEST_CASE("parts: elements that have nothing to do with the base have none") {
  test::Random random = test::seeded("unrelated");
  const Model base = matrix_model(random.bytes(64000), Dtype::bf16);
  const Model result = matrix_model(random.bytes(64000), Dtype::bf16);
  CHECK(found_bytes(parts_of(base, result)) < 6400);
  const AnchorIndex index(base);
  CHECK_FALSE(delta::plan_parts(base, index, result, result.manifest.ranges.back(), {})
                  .has_value());
}

TEST_CASE("parts: elements without signs are found by their bytes") {
  test::Random random = test::seeded("positive");
  Bytes elements = random.bytes(64000);
  for (size_t i = 3; i < elements.size(); i += 4) elements[i] &= 0x7f;
  const Model base = matrix_model(elements, Dtype::f32);
  std::rotate(elements.begin(), elements.begin() + 25600, elements.end());
  CHECK(found_bytes(parts_of(base, matrix_model(elements, Dtype::f32))) > 63000);
}

TEST_CASE("parts: the same row again and again is linear") {
  test::Random random = test::seeded("repeats");
  const Bytes row = random.bytes(kColumns);
  Bytes old_rows;
  Bytes new_rows;
  for (int i = 0; i < 20000; ++i) {
    old_rows.insert(old_rows.end(), row.begin(), row.end());
    const Bytes half = random.bytes(kColumns / 2);
    new_rows.insert(new_rows.end(), row.begin(), row.begin() + kColumns / 2);
    new_rows.insert(new_rows.end(), half.begin(), half.end());
  }
  const Model base = matrix_model(old_rows, Dtype::i8);
  CHECK(parts_of(base, matrix_model(new_rows, Dtype::i8)).size() >= 2);
  const auto whole = parts_of(base, base);
  REQUIRE(whole.size() == 1);
  CHECK(whole[0].length == old_rows.size());
}

TEST_CASE("anchors: nearly all rows of a small model have one") {
  test::Random random = test::seeded("anchors");
  const Model base = matrix_model(random.bytes(128000), Dtype::bf16);
  const AnchorIndex index(base);
  uint64_t found_rows = 0;
  for (uint64_t at = 100; at < 128000; at += kColumns * 2) {
    const uint8_t* const first = base.bytes().data() + at;
    const uint64_t key =
        AnchorIndex::key_of(delta::sign_key(delta::Signs(2), first), first, 2);
    REQUIRE(index.may_have(key));  // also of those for which there was no room
    const AnchorIndex::Found found = index.find(key);
    REQUIRE(found.count <= AnchorIndex::kMaxFound);
    found_rows += std::ranges::count(found.offsets, at) > 0 ? 1 : 0;
  }
  CHECK(found_rows >= 950);
}
