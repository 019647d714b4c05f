#include "mallorn-delta/derived.hpp"

#include <doctest/doctest.h>

#include <bit>

#include "libcommon/core/f32_arithmetic.hpp"
#include "tests/support/models.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

using Numbers = std::vector<uint32_t>;

uint32_t bits_of(float number) { return std::bit_cast<uint32_t>(number); }

// Scales as models have them: none is like another.
Numbers scales(test::Random& random, size_t count) {
  Numbers numbers;
  for (size_t i = 0; i < count; ++i) {
    numbers.push_back(0x3A000000 + static_cast<uint32_t>(random.below(1u << 25)));
  }
  return numbers;
}

Numbers times(const Numbers& numbers, float factor) {
  Numbers made;
  for (const uint32_t number : numbers) {
    made.push_back(f32_product(number, bits_of(factor)));
  }
  return made;
}

// A model of these vectors, with four bytes ahead of each: vector i is range 2 * i + 1.
Model model_of(const std::vector<Numbers>& vectors) {
  Bytes bytes;
  Manifest manifest;
  manifest.format = "tflite";
  for (const Numbers& numbers : vectors) {
    Range gap;
    gap.offset_bytes = bytes.size();
    gap.length_bytes = 4;
    manifest.ranges.push_back(gap);
    bytes.insert(bytes.end(), 4, static_cast<uint8_t>(numbers.size()));
    Range range;
    range.offset_bytes = bytes.size();
    range.length_bytes = 4 * numbers.size();
    range.dtype = Dtype::f32;
    range.role = "scale";
    manifest.ranges.push_back(range);
    for (const uint32_t number : numbers) {
      bytes.resize(bytes.size() + 4);
      store_le(bytes.data() + bytes.size() - 4, number);
    }
  }
  return test::model_of(bytes, std::move(manifest));
}

// By vector: what it is derived from, or nothing.
std::vector<std::optional<size_t>> sources(const std::vector<Numbers>& vectors,
                                           const std::vector<Numbers>& base = {}) {
  const Model result = model_of(vectors);
  const auto derived = delta::find_derived(model_of(base), result);
  REQUIRE(derived.size() == 2 * vectors.size());
  std::vector<std::optional<size_t>> found;
  for (size_t i = 0; i < derived.size(); ++i) {
    if (i % 2 == 0) {
      REQUIRE_FALSE(derived[i]);
    } else {
      found.push_back(derived[i] ? std::optional((derived[i]->source_range - 1) / 2)
                                 : std::nullopt);
    }
  }
  return found;
}

using Sources = std::vector<std::optional<size_t>>;

}  // namespace

TEST_CASE("derived: products are found, wherever their source is") {
  test::Random random(60);
  const Numbers weights = scales(random, 40);
  const Numbers biases = times(weights, 0.0237F);
  const Numbers others = scales(random, 40);
  CHECK(sources({weights, others, biases}) == Sources{{}, {}, 0});
  CHECK(sources({biases, others, weights}) == Sources{2, {}, {}});
  CHECK(sources({others, weights}) == Sources{{}, {}});
}

TEST_CASE("derived: the factor is the one that makes the numbers") {
  test::Random random = test::seeded("factors");
  for (int round = 0; round < 50; ++round) {
    const Numbers weights = scales(random, 8 + random.below(100));
    const auto factor =
        std::bit_cast<float>(0x3B000000 + static_cast<uint32_t>(random.below(1u << 26)));
    const auto derived =
        delta::find_derived(model_of({}), model_of({times(weights, factor), weights}));
    REQUIRE(derived[1]);
    REQUIRE(derived[1]->source_range == 3);
    // Few numbers may not tell it apart from those next to it.
    REQUIRE(times(weights, std::bit_cast<float>(derived[1]->factor)) ==
            times(weights, factor));
  }
}

TEST_CASE("derived: vectors that the base has are copied, and may be sources") {
  test::Random random(61);
  const Numbers weights = scales(random, 40);
  const Numbers biases = times(weights, 0.5F);
  CHECK(sources({weights, biases}, {weights}) == Sources{{}, 0});
  CHECK(sources({weights, biases}, {weights, biases}) == Sources{{}, {}});
  CHECK(sources({weights, biases}, {biases}) == Sources{1, {}});
}

TEST_CASE("derived: where most but not all numbers follow, and where few do") {
  test::Random random(62);
  const Numbers weights = scales(random, 64);
  Numbers biases = times(weights, 127.0F);
  for (size_t i = 0; i < biases.size(); i += 2) biases[i] += 0x123456;
  const Sources half = sources({weights, biases});  // either way around
  CHECK(half[0].has_value() != half[1].has_value());
  for (size_t i = 0; i < biases.size(); ++i) biases[i] += i % 8 != 1 ? 0x654321 : 0;
  CHECK(sources({weights, biases}) == Sources{{}, {}});
}

TEST_CASE("derived: sources are known before what follows from them") {
  test::Random random = test::seeded("chains");
  for (int round = 0; round < 100; ++round) {
    std::vector<Numbers> vectors = {scales(random, 20), scales(random, 20)};
    while (vectors.size() < 8) {
      const Numbers& from = vectors[random.below(vectors.size())];
      Numbers made = times(from, static_cast<float>(1 + random.below(1000)) / 64.0F);
      vectors.insert(
          vectors.begin() + static_cast<ptrdiff_t>(random.below(vectors.size() + 1)),
          std::move(made));
    }
    const Sources found = sources(vectors);
    size_t derived = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i]) continue;
      ++derived;
      REQUIRE(*found[i] != i);
      REQUIRE((!found[*found[i]] || *found[i] < i));
    }
    REQUIRE(derived >= 4);
  }
}

TEST_CASE("derived: constants, short vectors and odd numbers are left alone") {
  test::Random random(63);
  const Numbers constant(100, bits_of(0.25F));
  CHECK(sources({constant, times(constant, 3.0F)}) == Sources{{}, {}});
  const Numbers few = scales(random, 7);
  CHECK(sources({few, times(few, 3.0F)}) == Sources{{}, {}});
  const Numbers nans(100, 0x7FC00000);
  const Numbers zeros(100, 0);
  CHECK(sources({nans, zeros, scales(random, 100), nans}) == Sources{{}, {}, {}, {}});
}

TEST_CASE("derived: what is made by another range is left alone") {
  test::Random random(67);
  const Numbers weights = scales(random, 400);
  const Model result = model_of({weights, weights, times(weights, 0.5F)});
  const uint64_t length = 4 * weights.size();
  const auto derived = delta::find_derived(model_of({}), result, {{4, 8 + length, length}});
  REQUIRE(derived[1]);
  CHECK(derived[1]->source_range == 5);
  CHECK_FALSE(derived[3]);
  CHECK_FALSE(derived[5]);
}
