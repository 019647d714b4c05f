#include "mallorn-delta/byte_match.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using delta::ByteIndex;
using delta::Segment;
using test::Bytes;

namespace {

std::vector<Segment> segments_of(const Bytes& base, const Bytes& result,
                                 uint64_t expected = 0) {
  ByteIndex index(base, {{0, base.size()}});
  delta::SearchBudget budget;
  return delta::match_bytes(base, index, result, expected, &budget);
}

// Segments tile the result, copies are true, and the rest begins inside the base or at its
// end.
void check(const std::vector<Segment>& segments, const Bytes& base, const Bytes& result) {
  uint64_t at = 0;
  for (const Segment& segment : segments) {
    REQUIRE(segment.length > 0);
    REQUIRE(segment.length <= result.size() - at);
    if (segment.has_base) REQUIRE(segment.base_offset <= base.size());
    if (segment.is_copy) {
      REQUIRE(segment.has_base);
      REQUIRE(range_fits(segment.base_offset, segment.length, base.size()));
      REQUIRE(memcmp(base.data() + segment.base_offset, result.data() + at,
                     segment.length) == 0);
    }
    at += segment.length;
  }
  REQUIRE(at == result.size());
}

uint64_t copied(const std::vector<Segment>& segments) {
  uint64_t bytes = 0;
  for (const Segment& segment : segments) bytes += segment.is_copy ? segment.length : 0;
  return bytes;
}

Bytes periodic(size_t size, size_t period, uint64_t seed) {
  const Bytes pattern = test::Random(seed).bytes(period);
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = pattern[i % period];
  return bytes;
}

// `bytes` with every n-th byte another.
Bytes peppered(Bytes bytes, size_t n) {
  for (size_t i = 0; i < bytes.size(); i += n) bytes[i] ^= 0x5A;
  return bytes;
}

}  // namespace

TEST_CASE("byte match: segments tile any result, and copies are true") {
  test::Random random = test::seeded("byte match");
  for (int round = 0; round < 120; ++round) {
    const Bytes base = random.chance(2) ? random.text(random.length(20000))
                                        : random.bytes(random.length(20000));
    Bytes result = random.chance(5) ? random.bytes(random.length(20000))
                                    : random.changed(base, 2 + random.below(2000));
    for (uint64_t i = random.below(5); i > 0 && !result.empty(); --i) {
      const auto at = static_cast<ptrdiff_t>(random.below(result.size()));
      const Bytes more = random.text(random.below(400));
      result.insert(result.begin() + at, more.begin(), more.end());
      const size_t gone = std::min<size_t>(random.below(400), result.size());
      result.erase(result.begin(), result.begin() + static_cast<ptrdiff_t>(gone));
    }
    check(segments_of(base, result, random.below(base.size() + 1)), base, result);
  }
}

TEST_CASE("byte match: nothing of nothing") {
  CHECK(segments_of({}, {}).empty());
  CHECK(segments_of(Bytes(1000, 1), {}).empty());
  const std::vector<Segment> segments = segments_of({}, Bytes(1000, 1));
  check(segments, {}, Bytes(1000, 1));
  CHECK_FALSE(segments[0].has_base);
}

TEST_CASE("byte match: equal bytes are one copy") {
  const Bytes bytes = test::Random(1).bytes(50000);
  const std::vector<Segment> segments = segments_of(bytes, bytes);
  REQUIRE(segments.size() == 1);
  CHECK(segments[0].is_copy);
}

TEST_CASE("byte match: what moved, was inserted or removed is still found") {
  test::Random random(2);
  const Bytes base = random.bytes(50000);
  Bytes moved(base.begin() + 20000, base.end());
  moved.insert(moved.end(), base.begin(), base.begin() + 20000);
  CHECK(copied(segments_of(base, moved)) == moved.size());
  Bytes inserted = base;
  const Bytes more = random.bytes(300);
  inserted.insert(inserted.begin() + 25000, more.begin(), more.end());
  CHECK(copied(segments_of(base, inserted)) >= base.size() - 4);
  Bytes removed = base;
  removed.erase(removed.begin() + 10000, removed.begin() + 10300);
  CHECK(copied(segments_of(base, removed)) == removed.size());
  check(segments_of(base, removed), base, removed);
}

TEST_CASE("byte match: no segment but a copy is longer than a chunk takes") {
  const Bytes noise = test::Random(3).bytes(300000);
  for (const Segment& segment : segments_of(test::Random(4).bytes(300000), noise)) {
    REQUIRE((segment.is_copy || segment.length <= 1u << 16));
  }
}

TEST_CASE("byte match: what is long is found when the budget is spent, where it lies") {
  test::Random random(5);
  for (const size_t size : {size_t{100000}, (3 * size_t{ByteIndex::kMaxEntries}) - 100}) {
    const Bytes base = random.bytes(size);
    ByteIndex index(base, {{0, base.size()}});
    for (size_t shift = 0; shift < 6; ++shift) {
      Bytes result = random.bytes(shift);
      result.insert(result.end(), base.begin() + 50000, base.begin() + 51000);
      delta::SearchBudget spent{0};
      CHECK(copied(delta::match_bytes(base, index, result, 0, &spent)) == 1000);
    }
  }
}

TEST_CASE("byte match: a spent budget is spent, and no step is made for a word") {
  test::Random random(7);
  const Bytes base = random.text(300000);
  const Bytes result = random.text(300000);
  ByteIndex index(base, {{0, base.size()}});
  delta::SearchBudget budget;
  (void)delta::match_bytes(base, index, result, 0, &budget);
  CHECK(budget.thorough == 0);
  delta::SearchBudget more;
  const size_t thorough =
      delta::match_bytes(base, index, ByteView(result).first(1u << 16), 0, &more).size();
  const size_t quick =
      delta::match_bytes(base, index, ByteView(result).first(1u << 16), 0, &budget).size();
  CHECK(quick <= thorough / 4);
}

// Here and below a quadratic walk takes hours: the runner's timeout tells.
TEST_CASE("byte match: time stays near-linear on adversarial bytes" *
          doctest::test_suite("figures")) {
  constexpr size_t kSize = 8u << 20;
  const auto check_match = [](const Bytes& base, const Bytes& result) {
    check(segments_of(base, result), base, result);
  };
  const Bytes zeros(kSize, 0);
  check_match(zeros, zeros);
  check_match(zeros, Bytes(kSize, 1));
  check_match(zeros, peppered(zeros, 100));
  check_match(periodic(kSize, 7, 1), periodic(kSize, 7, 1));
  check_match(periodic(kSize, 4096, 2), periodic(kSize, 4095, 2));
  check_match(periodic(kSize, 256, 3), peppered(periodic(kSize, 256, 3), 50));
}

TEST_CASE(
    "byte match: time stays near-linear where many long matches are not worth taking") {
  // The base at hand differs in every 43rd byte; sixty other places agree for 4000 bytes.
  test::Random random(6);
  const Bytes piece = random.bytes(4000);
  Bytes base;
  Bytes result;
  for (int i = 0; i < 16; ++i) {
    const Bytes other = peppered(piece, 43);
    base.insert(base.end(), other.begin(), other.end());
    result.insert(result.end(), piece.begin(), piece.end());
  }
  for (int i = 0; i < 60; ++i) {
    base.insert(base.end(), piece.begin(), piece.end());
    const Bytes apart = random.bytes(50);
    base.insert(base.end(), apart.begin(), apart.end());
  }
  check(segments_of(base, result), base, result);
}
