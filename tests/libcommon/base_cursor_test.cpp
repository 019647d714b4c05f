#include "libcommon/core/base_cursor.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// 0, 1, 2 …: no byte occurs twice nearby, so that guesses are right for one reason only.
Bytes rising(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

}  // namespace

TEST_CASE("base cursor: follows a result that is like its base") {
  const Bytes base = rising(100);
  BaseCursor cursor(base, 0, 10);
  for (uint8_t i = 10; i < 100; ++i) {
    REQUIRE(cursor.has_straight());
    REQUIRE_FALSE(cursor.has_waiting());
    REQUIRE(cursor.straight() == i);
    REQUIRE(cursor.straight_run() == std::min<uint32_t>(i - 10u, BaseCursor::kMaxRun));
    cursor.advance(i);
  }
  CHECK_FALSE(cursor.has_straight());
  CHECK(cursor.straight_offset() == 100);
}

TEST_CASE("base cursor: changed bytes break the run, not the place") {
  const Bytes base = rising(100);
  BaseCursor cursor(base, 0, 0);
  for (uint8_t i = 0; i < 20; ++i) cursor.advance(i);
  cursor.advance(200);
  CHECK(cursor.straight_run() == 0);
  CHECK(cursor.straight() == 21);
  CHECK(cursor.last_difference() == 180);
  CHECK(cursor.has_waiting());
  CHECK(cursor.waiting() == 20);
  for (int byte = 0; byte < 256; ++byte) {
    CHECK(cursor.foresees(static_cast<uint8_t>(byte)) == (byte == 20 || byte == 21));
  }
  for (uint8_t i = 21; i < 21 + BaseCursor::kGiveUp; ++i) cursor.advance(i);
  CHECK_FALSE(cursor.has_waiting());  // it has given up
  CHECK(cursor.straight() == 21 + BaseCursor::kGiveUp);
}

TEST_CASE("base cursor: after inserted bytes the waiting place takes over") {
  const Bytes base = rising(100);
  for (const int inserted : {1, 2, 5, 7}) {
    CAPTURE(inserted);
    BaseCursor cursor(base, 0, 0);
    for (uint8_t i = 0; i < 20; ++i) cursor.advance(i);
    for (int i = 0; i < inserted; ++i) cursor.advance(static_cast<uint8_t>(200 + i));
    CHECK(cursor.straight_offset() == 20 + static_cast<uint64_t>(inserted));
    CHECK(cursor.waiting_offset() == 20);
    for (uint8_t i = 20; i < 20 + BaseCursor::kTakeOver; ++i) {
      CHECK(cursor.waiting() == i);
      cursor.advance(i);
    }
    CHECK(cursor.straight_offset() == 20 + BaseCursor::kTakeOver);
    CHECK(cursor.straight() == 20 + BaseCursor::kTakeOver);
    CHECK_FALSE(cursor.has_waiting());
  }
}

TEST_CASE("base cursor: says nothing outside its window") {
  const Bytes base = rising(100);
  const ByteView window = ByteView(base).subspan(40, 20);
  for (const uint64_t start : {uint64_t{0}, uint64_t{39}, uint64_t{60}, UINT64_MAX}) {
    const BaseCursor cursor(window, 40, start);
    uint32_t word = 7;
    CHECK_FALSE(cursor.has_straight());
    CHECK(cursor.straight() == 0);
    CHECK_FALSE(cursor.foresees(0));
    CHECK_FALSE(cursor.word(&word));
    CHECK(word == 7);
  }
  const BaseCursor first(window, 40, 40);
  CHECK(first.straight() == 40);
  BaseCursor none({}, 0, 0);
  none.advance(7);
  CHECK_FALSE(none.has_straight());
  CHECK_FALSE(none.has_waiting());
}

TEST_CASE("base cursor: words need four bytes") {
  const Bytes base = rising(10);
  uint32_t word = 0;
  CHECK(BaseCursor(base, 0, 6).word(&word));
  CHECK(word == 0x09080706u);
  CHECK_FALSE(BaseCursor(base, 0, 7).word(&word));
}

// What the encoder relies on, which sees only the base bytes that base_bytes_of() names.
TEST_CASE("base cursor: n bytes never look more than n bytes, and a word, past the start") {
  test::Random random = test::seeded("base cursor");
  for (int round = 0; round < 300; ++round) {
    const size_t size = 1 + random.below(300);
    const Bytes base = random.text(size + 50);
    const uint64_t start = random.below(40);
    Bytes result =
        random.changed(Bytes(base.begin(), base.begin() + static_cast<ptrdiff_t>(size)),
                       2 + random.below(20));
    for (uint64_t i = random.below(4); i > 0; --i) {
      result.insert(result.begin() + static_cast<ptrdiff_t>(random.below(result.size())),
                    250);
    }
    const size_t seen =
        std::min(result.size() + 3, base.size() - static_cast<size_t>(start));
    BaseCursor whole(base, 0, start);
    BaseCursor windowed(ByteView(base).subspan(static_cast<size_t>(start), seen), start,
                        start);
    uint64_t made = 0;
    for (const uint8_t byte : result) {
      uint32_t word_whole = 0;
      uint32_t word_windowed = 0;
      REQUIRE(whole.has_straight() == windowed.has_straight());
      REQUIRE(whole.straight() == windowed.straight());
      REQUIRE(whole.has_waiting() == windowed.has_waiting());
      REQUIRE(whole.waiting() == windowed.waiting());
      REQUIRE(whole.word(&word_whole) == windowed.word(&word_windowed));
      REQUIRE(word_whole == word_windowed);
      REQUIRE(whole.straight_offset() <= start + made);
      REQUIRE(whole.waiting_offset() <= whole.straight_offset());
      whole.advance(byte);
      windowed.advance(byte);
      ++made;
    }
  }
}
