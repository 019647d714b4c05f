#include "mallorn-delta/near_words.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using delta::NearWords;

namespace {

std::vector<uint64_t> words_of(test::Random& random, size_t count) {
  std::vector<uint64_t> words;
  for (size_t i = 0; i < count; ++i) words.push_back(random());
  return words;
}

uint64_t changed(test::Random& random, uint64_t word, int bits) {
  for (int i = 0; i < bits; ++i) word ^= uint64_t{1} << random.below(64);
  return word;
}

}  // namespace

TEST_CASE("near words: those that differ in few bits are found, wherever they are") {
  test::Random random = test::seeded("near");
  for (const size_t count : {size_t{1}, size_t{100}, size_t{50000}}) {
    const std::vector<uint64_t> words = words_of(random, count);
    for (const bool is_thorough : {false, true}) {
      if (is_thorough && count > 1000) continue;
      NearWords near(words, is_thorough);
      for (int i = 0; i < 100; ++i) {
        const auto index = static_cast<uint32_t>(random.below(count));
        const auto expected = static_cast<uint32_t>(random.below(count + 10));
        CHECK(near.find(changed(random, words[index], 3), expected) == index);
        CHECK(near.find(changed(random, words[index], 9), index) == index);
      }
      CHECK(near.find(random(), 0) == NearWords::kNone);
    }
  }
  CHECK(NearWords({}, false).find(1, 5) == NearWords::kNone);
}

TEST_CASE("near words: the expected one of several, and no endless search") {
  const std::vector<uint64_t> words(200000, 0x0123456789ABCDEF);
  NearWords near(words, false);
  CHECK(near.find(0x0123456789ABCDEF, 77) == 77);
  for (uint32_t i = 0; i < 2000; ++i)
    CHECK(near.find(0xFEDCBA9876540DEF, i) == NearWords::kNone);
}
