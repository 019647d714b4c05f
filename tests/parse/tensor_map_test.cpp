// How overlapping, equal and missing ranges become a tiling.
#include "mallorn-parse/tensor_map.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "libcommon/error.hpp"

using namespace mallorn;
using namespace mallorn::parse;

namespace {

Range named(uint64_t offset, uint64_t length, const std::string& name) {
  Range range;
  range.kind = RangeKind::tensor;
  range.dtype = Dtype::u8;
  range.offset_bytes = offset;
  range.length_bytes = length;
  range.names = {name};
  return range;
}

// "0+4:a 4+6:meta": offset, length, then names, or the role of what has none.
std::string tiles(const std::vector<Range>& ranges, uint64_t length) {
  std::string text;
  for (const Range& range : tile_ranges(ranges, length)) {
    if (!text.empty()) text += ' ';
    text +=
        std::to_string(range.offset_bytes) + "+" + std::to_string(range.length_bytes) + ":";
    if (range.names.empty()) text += range.role;
    for (size_t i = 0; i < range.names.size(); ++i) {
      text += (i > 0 ? "," : "") + range.names[i];
    }
    const bool is_tensor = range.kind == RangeKind::tensor;
    CHECK(is_tensor == !range.names.empty());
  }
  return text;
}

void check_tiling(const std::vector<Range>& ranges, uint64_t length) {
  uint64_t end = 0;
  for (const Range& range : ranges) {
    REQUIRE(range.offset_bytes == end);
    REQUIRE(range.length_bytes > 0);
    end += range.length_bytes;
  }
  REQUIRE(end == length);
}

}  // namespace

TEST_CASE("tensor_map: fills what nothing covers") {
  CHECK(tiles({}, 0).empty());
  CHECK(tiles({}, 5) == "0+5:meta");
  CHECK(tiles({named(0, 5, "a")}, 5) == "0+5:a");
  CHECK(tiles({named(6, 2, "b"), named(1, 3, "a")}, 10) ==
        "0+1:meta 1+3:a 4+2:meta 6+2:b 8+2:meta");
}

TEST_CASE("tensor_map: drops empty ranges") {
  CHECK(tiles({named(0, 0, "a"), named(3, 0, "b"), named(5, 0, "c")}, 5) == "0+5:meta");
}

TEST_CASE(
    "tensor_map: equal extents keep the names of both, once, and the facts of the first") {
  Range first = named(2, 4, "a");
  first.shape = {4};
  Range second = named(2, 4, "b");
  second.shape = {2, 2};
  second.names = {"b", "a"};
  const std::vector<Range> tiled = tile_ranges({first, second, named(2, 4, "c")}, 6);
  REQUIRE(tiled.size() == 2);
  CHECK(tiled[1].names == std::vector<std::string>{"a", "b", "c"});
  CHECK(tiled[1].shape == std::vector<uint64_t>{4});
}

TEST_CASE("tensor_map: of two that overlap, the one that starts first keeps its bytes") {
  CHECK(tiles({named(3, 5, "b"), named(0, 5, "a")}, 10) == "0+5:a 5+3:opaque 8+2:meta");
}

TEST_CASE("tensor_map: of two that start together, the longer keeps its bytes") {
  CHECK(tiles({named(0, 3, "short"), named(0, 8, "long")}, 8) == "0+8:long");
}

TEST_CASE("tensor_map: what lost its start takes no bytes from others") {
  CHECK(tiles({named(0, 10, "a"), named(5, 15, "b"), named(12, 8, "c")}, 20) ==
        "0+10:a 10+2:opaque 12+8:c");
  CHECK(tiles({named(0, 10, "a"), named(5, 15, "b"), named(12, 3, "c")}, 22) ==
        "0+10:a 10+2:opaque 12+3:c 15+5:opaque 20+2:meta");
}

TEST_CASE("tensor_map: a range past the end is a fault of the parser") {
  for (const Range& range :
       {named(0, 6, "a"), named(6, 1, "a"), named(UINT64_MAX, 2, "a")}) {
    CHECK_THROWS_AS((void)tile_ranges({range}, 5), Error);
  }
}

TEST_CASE("tensor_map: any ranges tile, and equal input gives equal output") {
  uint64_t state = 12345;
  const auto random = [&](uint64_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % below;
  };
  for (int round = 0; round < 2000; ++round) {
    const uint64_t length = random(60);
    std::vector<Range> ranges;
    for (uint64_t i = random(12); i > 0; --i) {
      const uint64_t offset = random(length + 1);
      ranges.push_back(named(offset, random(length - offset + 1), std::to_string(i)));
    }
    const std::vector<Range> tiled = tile_ranges(ranges, length);
    check_tiling(tiled, length);
    CHECK(tiled.size() <= 2 * ranges.size() + 1);
    CHECK(tile_ranges(ranges, length) == tiled);
    CHECK(tile_ranges(tiled, length) == tiled);
  }
}

// Which would be hours: the runner's timeout tells.
TEST_CASE("tensor_map: many overlapping ranges do not take quadratic time") {
  constexpr uint64_t kCount = 200000;
  std::vector<Range> nested;
  std::vector<Range> equal;
  for (uint64_t i = 0; i < kCount; ++i) {
    nested.push_back(named(i, 2 * kCount - 2 * i, "n"));
    equal.push_back(named(0, kCount, std::to_string(i % 1000)));
  }
  check_tiling(tile_ranges(std::move(nested), 2 * kCount), 2 * kCount);
  const std::vector<Range> merged = tile_ranges(std::move(equal), kCount);
  REQUIRE(merged.size() == 1);
  CHECK(merged[0].names.size() == 1000);
}
