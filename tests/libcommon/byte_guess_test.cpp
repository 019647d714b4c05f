// ByteGuess: who is asked for the next byte, and what is learned of that.
#include "libcommon/core/byte_guess.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "libcommon/core/bytes.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Shows guesses one byte after the other.
struct Reader {
  explicit Reader(const Bytes& base) : cursor(base, 0, 0) {}

  void look() { guess.begin_byte(cursor, history); }
  bool is_right(uint8_t byte) {
    look();
    const bool right = guess.has_byte() && guess.byte() == byte;
    guess.end_byte(byte);
    history = history << 8 | byte;
    cursor.advance(byte);
    return right;
  }

  ByteGuess guess;
  BaseCursor cursor;
  uint64_t history = ~uint64_t{0};
};

// Strings, each with its length in `width` bytes in front.
Bytes strings(uint32_t width) {
  test::Random random(31);
  Bytes bytes;
  for (int i = 0; i < 500; ++i) {
    const Bytes text = random.text(1 + random.below(12));
    bytes.push_back(static_cast<uint8_t>(text.size()));
    bytes.insert(bytes.end(), width - 1, 0);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return bytes;
}

}  // namespace

TEST_CASE("byte guess: without base and zeros there is none") {
  const Bytes none;
  Reader reader(none);
  reader.look();
  CHECK(!reader.guess.has_byte());
  CHECK(!reader.is_right(0));
  reader.look();
  REQUIRE(reader.guess.has_byte());
  CHECK(reader.guess.source() == 2);
  CHECK(reader.guess.byte() == 0);
}

TEST_CASE("byte guess: the base is asked first, and another when it has been wrong") {
  const Bytes base(2000, 1);
  Reader reader(base);
  reader.look();
  CHECK(reader.guess.source() == 0);
  CHECK(reader.guess.trust() == 60000);
  for (int i = 0; i < 1000; ++i) reader.is_right(0);
  CHECK(reader.is_right(0));
  reader.look();
  CHECK(reader.guess.source() == 2);
  CHECK(reader.guess.hit_probability() > 65300);
}

TEST_CASE("byte guess: learns where numbers grew from four bytes to eight") {
  const Bytes base = strings(4);
  const Bytes grown = strings(8);
  Reader reader(base);
  size_t wrong_at_first = 0;
  size_t wrong_at_last = 0;
  for (size_t i = 0; i < grown.size(); ++i) {
    if (!reader.is_right(grown[i]))
      ++(i < grown.size() / 2 ? wrong_at_first : wrong_at_last);
  }
  CHECK(wrong_at_first < 60);
  CHECK(wrong_at_last <= 2);
}

TEST_CASE("byte guess: no guess is certain, and none is hopeless") {
  const Bytes base(70000, 7);
  Reader reader(base);
  for (int i = 0; i < 60000; ++i) {
    reader.look();
    REQUIRE(reader.guess.hit_probability() >= BitModel::kLeast);
    REQUIRE(reader.guess.hit_probability() <= BitModel::kMost);
    reader.is_right(i < 30000 ? 7 : 9);
  }
}
