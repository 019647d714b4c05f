#include "libcommon/core/recent_match.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct Walk {
  Walk() { recent->begin_chunk(14); }

  std::unique_ptr<RecentMatch> recent = std::make_unique<RecentMatch>();
  uint64_t history = 0;
  int hits = 0;
  int guesses = 0;

  void take(const Bytes& bytes) {
    for (const uint8_t byte : bytes) {
      guesses += recent->expected() != 0 ? 1 : 0;
      hits += recent->expected() == 256u + byte ? 1 : 0;
      history = history << 8 | byte;
      recent->end_byte(byte, history);
    }
  }
};

}  // namespace

TEST_CASE("recent match: expects what followed the last five bytes before") {
  const Bytes text = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'};
  Walk walk;
  walk.take(text);
  CHECK(walk.recent->expected() == 0);
  walk.take({'a', 'b', 'c', 'd'});
  CHECK(walk.recent->expected() == 0);
  walk.take({'e'});
  CHECK(walk.recent->expected() == 256 + 'f');
  CHECK(walk.recent->run() == 1);
  walk.take({'f', 'g'});
  CHECK(walk.recent->expected() == 256 + 'h');
  CHECK(walk.recent->run() == 3);
  walk.take({'x'});
  CHECK(walk.recent->expected() == 0);
  CHECK(walk.recent->run() == 0);
}

TEST_CASE("recent match: a long repeat is known but for its first bytes") {
  const Bytes block = test::Random(4).bytes(3000);
  Walk walk;
  walk.take(block);
  walk.hits = 0;
  walk.take(block);
  CHECK(walk.hits > 2900);
  CHECK(walk.recent->run() == 63);
}

TEST_CASE("recent match: what is more than 64 KiB ago does no harm") {
  test::Random random(5);
  const Bytes block = random.bytes(1000);
  Walk walk;
  walk.take(block);
  walk.take(random.bytes(200000));
  const int before = walk.hits;
  walk.take(block);
  CHECK(walk.hits - before < 100);
}

TEST_CASE("recent match: a new chunk forgets everything") {
  const Bytes block = test::Random(6).text(5000);
  Walk fresh;
  fresh.take(block);
  Walk used;
  used.take(test::Random(7).text(70000));
  used.recent->begin_chunk(14);
  used.history = 0;
  used.hits = used.guesses = 0;
  used.take(block);
  CHECK(used.hits == fresh.hits);
  CHECK(used.guesses == fresh.guesses);
}
