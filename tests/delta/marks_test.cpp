#include "mallorn-delta/marks.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/tensors.hpp"

using namespace mallorn;
using delta::Marks;
using test::Bytes;

namespace {

// With a new element before each eighth, roughly.
Bytes with_strange(test::Random& random, const Bytes& bytes, size_t width) {
  Bytes made;
  for (size_t at = 0; at < bytes.size(); at += width) {
    if (random.chance(8)) {
      const Bytes other = random.bytes(width);
      made.insert(made.end(), other.begin(), other.end());
    }
    made.insert(made.end(), bytes.begin() + static_cast<ptrdiff_t>(at),
                bytes.begin() + static_cast<ptrdiff_t>(at + width));
  }
  return made;
}

}  // namespace

TEST_CASE("marks: the tensor that has most of the elements is found") {
  test::Random random = test::seeded("marks");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::i8}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes first = random.bytes(20000 * width);
    const Bytes second = random.bytes(20000 * width);
    const Model base =
        test::model_of({{"a", {20000}, first, dtype}, {"b", {100, 200}, second, dtype}});
    const Bytes grown = with_strange(random, second, width);
    const Model result = test::model_of({{"c", {grown.size() / width}, grown, dtype},
                                         {"d", {20000}, random.bytes(20000 * width), dtype},
                                         {"e", {20000}, Bytes(20000 * width), dtype}});
    const Marks marks(base);
    const Marks::Found found = marks.find(result, result.manifest.ranges[0]);
    REQUIRE(found.ranges.size() == 1);
    CHECK(found.ranges[0] == 1);
    CHECK(found.found > found.seen / 4);
    CHECK(marks.find(result, result.manifest.ranges[1]).found == 0);
    CHECK(marks.find(result, result.manifest.ranges[2]).seen == 0);  // zeros
  }
}

TEST_CASE("marks: models of no elements, and short ones") {
  const Model none = test::model_of({{"a", {3}, Bytes(3), Dtype::i8}});
  const Marks marks(none);
  CHECK(marks.find(none, none.manifest.ranges[0]).seen == 0);
}

TEST_CASE("marks: of many tensors that became one, the one that has most is named") {
  test::Random random = test::seeded("marks merged");
  constexpr size_t kTensors = 32;
  constexpr size_t kBytes = 2048;
  const Bytes all = random.bytes(kTensors * kBytes);
  Model base = test::model_of({{"a", {all.size() / 4}, all, Dtype::f32}});
  const Range whole = base.manifest.ranges[0];
  base.manifest.ranges.clear();
  for (size_t i = 0; i < kTensors; ++i) {
    Range range = whole;
    range.names = {"a" + std::to_string(i)};
    range.shape = {kBytes / 4};
    range.offset_bytes = whole.offset_bytes + i * kBytes;
    range.length_bytes = kBytes;
    base.manifest.ranges.push_back(range);
  }
  const Model result = test::model_of({{"b", {kTensors, kBytes / 4}, all, Dtype::f32}});
  const Marks::Found found = Marks(base).find(result, result.manifest.ranges[0]);
  CHECK(found.found > found.seen / 2);
  CHECK(found.ranges.size() == 1);
}

TEST_CASE("marks: what is new at the beginning does not hide the rest") {
  test::Random random = test::seeded("marks behind");
  constexpr size_t kRow = 2048;
  const Bytes old = random.bytes(1024 * kRow);
  const Model base = test::model_of({{"a", {1024, kRow}, old, Dtype::i8}});
  Bytes grown = random.bytes(512 * kRow);
  grown.insert(grown.end(), old.begin(), old.end());
  const Model result = test::model_of({{"b", {1536, kRow}, grown, Dtype::i8}});
  const Marks::Found found = Marks(base).find(result, result.manifest.ranges[0]);
  CHECK(found.found > found.seen / 2);
}
