#include "mallorn-delta/byte_index.hpp"

#include <doctest/doctest.h>

#include <climits>

#include "tests/support/random.hpp"

using namespace mallorn;
using delta::ByteIndex;
using test::Bytes;

namespace {

constexpr unsigned kAnyNumber = UINT_MAX;  // candidates

}  // namespace

TEST_CASE("common length: counts equal bytes, up to the shorter end") {
  test::Random random = test::seeded("common length");
  CHECK(delta::common_length({}, {}) == 0);
  for (size_t size = 0; size < 40; ++size) {
    const Bytes bytes = random.bytes(size);
    Bytes longer = bytes;
    longer.push_back(1);
    REQUIRE(delta::common_length(bytes, longer) == size);
    REQUIRE(delta::common_length(longer, bytes) == size);
    for (size_t at = 0; at < size; ++at) {
      Bytes other = bytes;
      other[at] ^= 0x80;
      REQUIRE(delta::common_length(bytes, other) == at);
    }
  }
}

TEST_CASE("byte index: finds what occurs once, all of it") {
  test::Random random = test::seeded("byte index");
  const Bytes base = random.bytes(20000);
  ByteIndex index(base, {{0, base.size()}});
  for (int round = 0; round < 300; ++round) {
    const size_t from = random.below(base.size() - ByteIndex::kMinMatch);
    const size_t length =
        ByteIndex::kMinMatch + random.below(base.size() - from - ByteIndex::kMinMatch);
    const ByteView piece = ByteView(base).subspan(from, length);
    const ByteIndex::Match match = index.find(piece, 0, kAnyNumber);
    REQUIRE(match.base_offset == from);
    REQUIRE(match.length == length);
  }
}

TEST_CASE("byte index: what it finds is true, whatever the bytes") {
  test::Random random = test::seeded("byte index, true");
  for (int round = 0; round < 30; ++round) {
    const Bytes base = random.text(random.length(5000));
    const Bytes result = random.changed(base, 30);
    ByteIndex index(base, {{0, base.size()}});
    for (size_t at = 0; at < result.size(); at += 1 + random.below(50)) {
      const ByteView rest = ByteView(result).subspan(at);
      const ByteIndex::Match match =
          index.find(rest, random.below(base.size() + 1), kAnyNumber);
      if (match.length == 0) continue;
      REQUIRE(match.length >= ByteIndex::kMinMatch);
      REQUIRE(range_fits(match.base_offset, match.length, base.size()));
      const ByteView found = ByteView(base).subspan(match.base_offset, match.length);
      REQUIRE(delta::common_length(found, rest) == match.length);
    }
  }
}

TEST_CASE("byte index: of equal matches the nearest, in the ranges it was given") {
  Bytes base(3000);
  const Bytes word = {'m', 'a', 'l', 'l', 'o', 'r', 'n'};
  for (const size_t at : {size_t{100}, size_t{1000}, size_t{2000}}) {
    std::copy(word.begin(), word.end(), base.begin() + static_cast<ptrdiff_t>(at));
  }
  ByteIndex all(base, {{0, base.size()}});
  CHECK(all.find(word, 0, kAnyNumber).base_offset == 100);
  CHECK(all.find(word, 1100, kAnyNumber).base_offset == 1000);
  CHECK(all.find(word, UINT64_MAX, kAnyNumber).base_offset == 2000);
  ByteIndex some(base, {{0, 50}, {990, 30}});
  CHECK(some.find(word, 0, kAnyNumber).base_offset == 1000);
  ByteIndex none(base, {});
  CHECK(none.find(word, 0, kAnyNumber).length == 0);
}

TEST_CASE("byte index: fewer bytes than a match has find nothing") {
  const Bytes base(100, 7);
  ByteIndex index(base, {{0, base.size()}});
  CHECK(index.find(Bytes(ByteIndex::kMinMatch - 1, 7), 0, kAnyNumber).length == 0);
  CHECK(index.find({}, 0, kAnyNumber).length == 0);
  CHECK(index.find(Bytes(ByteIndex::kMinMatch, 7), 0, kAnyNumber).length ==
        ByteIndex::kMinMatch);
  ByteIndex empty({}, {});
  CHECK(empty.find(base, 0, kAnyNumber).length == 0);
}
