#include "libcommon/core/word_guess.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes words(const std::vector<uint32_t>& values) {
  Bytes bytes(4 * values.size());
  for (size_t i = 0; i < values.size(); ++i) store_le(bytes.data() + 4 * i, values[i]);
  return bytes;
}

// Walks over `result`, which begins at `position` and is expected at `start` of the base;
// returns how many of the words that differ from the base were known entirely.
int known_words(const Bytes& base, uint64_t start, const Bytes& result, uint64_t position) {
  BaseCursor cursor(base, 0, start);
  WordGuess words;
  words.begin_step();
  int known = 0;
  bool is_right = true;
  for (size_t i = 0; i < result.size(); ++i) {
    words.begin_byte(position + i, cursor);
    if (i % 4 == 0) is_right = words.trust() > 0;
    is_right = is_right && words.trust() > 0 && words.byte(position + i) == result[i];
    words.end_byte(position + i, result[i]);
    cursor.advance(result[i]);
    if (i % 4 == 3 && is_right) ++known;
  }
  return known;
}

}  // namespace

TEST_CASE("word guess: the same change again, carries included") {
  const Bytes base = words({0x000000F0, 0x0000FFFA, 0x12345678, 0x00FFFFF9, 5});
  const Bytes result = words({0x000000F8, 0x00010002, 0x12345680, 0x01000001, 13});
  CHECK(known_words(base, 0, result, 0) == 4);  // all but the first, which sets the change
}

TEST_CASE("word guess: offsets that point back to a place that stayed") {
  // Offsets are subtracted from where they stand; the result stands 16 bytes further on.
  const Bytes base = words({100, 104, 108, 112});
  const Bytes result = words({116, 120, 124, 128});
  CHECK(known_words(base, 0, result, 16) == 4);
}

TEST_CASE("word guess: without a word in the base nothing is guessed") {
  BaseCursor cursor(ByteView{}, 0, 0);
  WordGuess guess;
  guess.begin_step();
  for (uint64_t i = 0; i < 8; ++i) {
    guess.begin_byte(i, cursor);
    REQUIRE(guess.trust() == 0);
    guess.end_byte(i, 7);
    cursor.advance(7);
  }
}

TEST_CASE("word guess: a wrong byte voids a guess until the next word") {
  const Bytes base = words({0x11111111, 0x22222222});
  BaseCursor cursor(base, 0, 0);
  WordGuess guess;
  guess.begin_step();
  guess.begin_byte(0, cursor);
  CHECK(guess.trust() == 1);
  CHECK(guess.byte(0) == 0x11);
  guess.end_byte(0, 0x99);
  CHECK(guess.trust() == 0);
  cursor.advance(0x99);
  for (uint64_t i = 1; i < 4; ++i) {
    guess.begin_byte(i, cursor);
    CHECK(guess.trust() == 0);
    guess.end_byte(i, 0x11);
    cursor.advance(0x11);
  }
  guess.begin_byte(4, cursor);
  CHECK(guess.trust() == 1);
  CHECK(guess.byte(4) == 0xAA);  // 0x22222222 + 0x00000088
}

TEST_CASE("word guess: a step may begin inside a word") {
  const Bytes base = words({0x11111111, 0x22222222});
  BaseCursor cursor(base, 0, 2);
  WordGuess guess;
  guess.begin_step();
  guess.begin_byte(2, cursor);
  CHECK(guess.trust() == 0);
}
