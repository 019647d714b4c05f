#include "mallorn-delta/marks.hpp"

#include <doctest/doctest.h>

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
