// Pieces of a file replaced in order: what each reads is still there, or in the stash.
#include "mallorn-apply/chunk_order.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/support/random.hpp"

using namespace mallorn;
using apply::ByteRange;
using apply::Order;
using apply::UnitRanges;

namespace {

struct Unit {
  std::vector<ByteRange> reads;
  std::vector<ByteRange> writes;
};

Order order_of(const std::vector<Unit>& units, uint64_t most_edges = UINT64_MAX) {
  std::vector<UnitRanges> views;
  for (const Unit& unit : units) views.push_back({unit.reads, unit.writes});
  return apply::order_units(views, most_edges);
}

uint64_t length_of(const std::vector<ByteRange>& ranges) {
  return std::accumulate(
      ranges.begin(), ranges.end(), uint64_t{0},
      [](uint64_t sum, const ByteRange& each) { return sum + each.length; });
}

// True if the order has each unit once, and none reads what one before it has overwritten.
bool is_right(const std::vector<Unit>& units, const Order& order, size_t file_bytes) {
  std::vector<uint8_t> is_lost(file_bytes);
  std::vector<uint8_t> is_kept(file_bytes);
  for (const ByteRange& range : order.stash) {
    for (uint64_t at = range.offset; at < range.end(); ++at) is_kept[at] = 1;
  }
  std::vector<uint8_t> had(units.size());
  for (const uint32_t index : order.units) {
    if (had.at(index)++ != 0) return false;
    for (const ByteRange& range : units[index].reads) {
      for (uint64_t at = range.offset; at < range.end(); ++at) {
        if (is_lost[at] != 0 && is_kept[at] == 0) return false;
      }
    }
    for (const ByteRange& range : units[index].writes) {
      for (uint64_t at = range.offset; at < range.end(); ++at) is_lost[at] = 1;
    }
  }
  return order.units.size() == units.size();
}

}  // namespace

TEST_CASE(
    "chunk order: pieces that stay where they are keep their order, and need no stash") {
  std::vector<Unit> units;
  for (uint64_t i = 0; i < 10; ++i) units.push_back({{{10 * i, 10}}, {{10 * i, 10}}});
  const Order order = order_of(units);
  CHECK(order.units == std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(order.stash.empty());
  CHECK(order_of({}).units.empty());
}

TEST_CASE(
    "chunk order: what moves up is written from its end, what moves down from its front") {
  for (const bool is_up : {true, false}) {
    std::vector<Unit> units;
    for (uint64_t i = 0; i < 50; ++i) {
      const ByteRange here{10 * i, 10};
      const ByteRange there{10 * i + 3, 10};
      units.push_back({{is_up ? here : there}, {is_up ? there : here}});
    }
    const Order order = order_of(units);
    CHECK(is_right(units, order, 600));
    CHECK(order.stash.empty());
    CHECK(order.units.front() == (is_up ? 49 : 0));
  }
}

TEST_CASE("chunk order: of two that change places, the smaller is stashed") {
  const std::vector<Unit> units = {{{{100, 30}}, {{0, 100}}}, {{{0, 100}}, {{100, 30}}}};
  const Order order = order_of(units);
  CHECK(is_right(units, order, 200));
  CHECK(order.stash == std::vector<ByteRange>{{100, 30}});
}

TEST_CASE("chunk order: what waits for a circle, or is waited for by one, is not stashed") {
  const std::vector<Unit> units = {{{{0, 5}}, {{900, 5}}},    // before the circle
                                   {{{100, 10}}, {{0, 10}}},  // circle
                                   {{{0, 10}}, {{100, 10}}},  // circle
                                   {{{500, 1}}, {{105, 0}}},  // alone
                                   {{{200, 1}}, {{300, 1}}}};
  const Order order = order_of(units);
  CHECK(is_right(units, order, 1000));
  CHECK(length_of(order.stash) == 10);
}

TEST_CASE(
    "chunk order: any ranges have an order, and the stash is no longer than the file") {
  test::Random random = test::seeded("chunk order");
  for (int round = 0; round < 300; ++round) {
    const size_t count = 1 + random.below(40);
    const size_t file_bytes = 50 * count;
    std::vector<Unit> units(count);
    for (size_t i = 0; i < count; ++i) {
      units[i].writes = {{50 * i, 20}, {50 * i + 25, 1 + random.below(25)}};
      for (size_t reads = random.below(4); reads > 0; --reads) {
        const uint64_t offset = random.below(file_bytes);
        units[i].reads.push_back(
            {offset, random.below(std::min<uint64_t>(150, file_bytes - offset + 1))});
      }
    }
    for (const uint64_t most_edges : {uint64_t{0}, random.below(2 * count), UINT64_MAX}) {
      const Order order = order_of(units, most_edges);
      REQUIRE(is_right(units, order, file_bytes));
      REQUIRE(length_of(order.stash) <= file_bytes);
    }
  }
}

TEST_CASE("chunk order: all that need everything are stashed, in time") {
  constexpr uint64_t kUnits = test::rounds(20000);
  std::vector<Unit> units(kUnits);
  for (uint64_t i = 0; i < kUnits; ++i) units[i] = {{{0, 10 * kUnits}}, {{10 * i, 10}}};
  const Order order = order_of(units);
  CHECK(order.units.size() == kUnits);
  CHECK(length_of(order.stash) <= 10 * kUnits);
}
