#include "mallorn-delta/moved_bytes.hpp"

#include <doctest/doctest.h>

#include "mallorn-delta/plan.hpp"
#include "tests/support/tensors.hpp"

using namespace mallorn;
using delta::Marks;
using delta::MovedTensors;
using delta::Segment;
using test::Bytes;

namespace {

constexpr uint64_t kByteCost = 8 * 1024;  // in the unit of costs

// Each row with elements of its own inserted, as many.
Bytes ragged(test::Random& random, const Bytes& bytes, size_t row, size_t width) {
  constexpr size_t kInserted = 20;
  Bytes made;
  for (size_t at = 0; at < bytes.size(); at += row) {
    Bytes grown(bytes.begin() + static_cast<ptrdiff_t>(at),
                bytes.begin() + static_cast<ptrdiff_t>(at + row));
    for (size_t i = 0; i < kInserted; ++i) {
      const Bytes other = random.bytes(width);
      const size_t place = random.below(grown.size() / width + 1) * width;
      grown.insert(grown.begin() + static_cast<ptrdiff_t>(place), other.begin(),
                   other.end());
    }
    made.insert(made.end(), grown.begin(), grown.end());
  }
  return made;
}

}  // namespace

TEST_CASE("moved bytes: what segments cost") {
  test::Random random = test::seeded("segments");
  const Bytes base = random.bytes(10000);
  const auto cost = [&](const Bytes& result, const std::vector<Segment>& segments) {
    return delta::cost_of_segments(base, result, segments);
  };
  CHECK(cost(base, {{true, true, 0, 10000}}) < 10 * kByteCost);
  CHECK(cost(base, {{false, true, 0, 10000}}) < 60 * kByteCost);
  CHECK(cost(base, {{false, false, 0, 10000}}) >= 10000 * kByteCost);
  CHECK(cost(random.bytes(10000), {{false, true, 0, 10000}}) > 9900 * kByteCost);
  Bytes inserted = base;
  inserted.insert(inserted.begin() + 5000, 3, uint8_t{7});
  CHECK(cost(inserted, {{false, true, 0, 10003}}) < 80 * kByteCost);
}

TEST_CASE("moved bytes: rows with elements inserted, in each elsewhere") {
  test::Random random = test::seeded("ragged");
  for (const Dtype dtype : {Dtype::f32, Dtype::i8}) {
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes bytes = random.bytes(40 * 500 * width);
    const Bytes made = ragged(random, bytes, 500 * width, width);
    const Model base = test::model_of({{"w", {40, 500}, bytes, dtype}});
    const Model result = test::model_of({{"w", {40, 520}, made, dtype}});
    const Marks::Found found = Marks(base).find(result, result.manifest.ranges[0]);
    MovedTensors tensors(base, result, nullptr);
    const auto moved = tensors.find(result.manifest.ranges[0], found, 0, UINT64_MAX);
    REQUIRE(moved);
    CHECK(moved->cost < 40 * 20 * (width + 3) * kByteCost);
    CHECK(!tensors.find(result.manifest.ranges[0], found, 0, moved->cost));
    uint64_t length = 0;
    for (const Segment& segment : moved->segments) length += segment.length;
    CHECK(length == made.size());
    // So it is planned, whatever the tensor is called.
    for (const std::string name : {"w", "v"}) {
      const delta::Plan plan =
          delta::make_plan(base, test::model_of({{name, {40, 520}, made, dtype}}));
      REQUIRE(plan.tensors.size() == 1);
      CHECK(std::string(plan.tensors[0].method) == "bytes");
    }
  }
}

TEST_CASE("moved bytes: searches of many tensors are bounded together") {
  test::Random random = test::seeded("bounded");
  const Bytes bytes = random.bytes(10000);
  const Model base = test::model_of({{"w", {10000}, bytes, Dtype::i8}});
  MovedTensors tensors(base, base, nullptr);
  const Marks::Found found = {10, 10, {0}};
  size_t searched = 0;
  for (int i = 0; i < 20; ++i) {
    searched += tensors.find(base.manifest.ranges[0], found, 0, UINT64_MAX) ? 1 : 0;
  }
  CHECK(searched >= 4);
  CHECK(searched < 10);
}
