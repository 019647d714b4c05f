#include "mallorn-delta/relation.hpp"

#include <doctest/doctest.h>

#include <bit>

#include "mallorn-delta/signs.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using delta::agree_throughout;
using delta::relate;
using test::Bytes;

namespace {

// `count` weights around zero, as f32 or, cut, as bf16.
Bytes bell_shaped(test::Random& random, size_t count, size_t width) {
  Bytes bytes(count * width);
  for (size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int k = 0; k < 12; ++k)
      sum += static_cast<double>(random.below(1000)) / 1000 - 0.5;
    const auto value = static_cast<float>(sum * 0.05);
    const auto bits = std::bit_cast<uint32_t>(value);
    if (width == 4) store_le(bytes.data() + 4 * i, bits);
    if (width == 2) store_le(bytes.data() + 2 * i, static_cast<uint16_t>(bits >> 16));
  }
  return bytes;
}

// Each weight moved by a few units in the last places.
Bytes tuned_floats(test::Random& random, Bytes bytes, size_t width, uint32_t by) {
  for (size_t i = 0; i + width <= bytes.size(); i += width) {
    const auto moved = static_cast<uint32_t>(random.below(2 * by + 1)) - by;
    if (width == 4) store_le(bytes.data() + i, load_le<uint32_t>(bytes.data() + i) + moved);
    if (width == 2) {
      store_le(bytes.data() + i,
               static_cast<uint16_t>(load_le<uint16_t>(bytes.data() + i) + moved));
    }
    if (width == 1) bytes[i] = static_cast<uint8_t>(bytes[i] + moved);
  }
  return bytes;
}

// Each weight moved by others, times `by`: many of them past zero.
Bytes shaken(test::Random& random, Bytes bytes, float by) {
  const Bytes others = bell_shaped(random, bytes.size() / 4, 4);
  for (size_t i = 0; i < bytes.size(); i += 4) {
    const auto value = std::bit_cast<float>(load_le<uint32_t>(&bytes[i]));
    const auto other = std::bit_cast<float>(load_le<uint32_t>(&others[i]));
    store_le(&bytes[i], std::bit_cast<uint32_t>(value + by * other));
  }
  return bytes;
}

}  // namespace

TEST_CASE("relation: floats that have gone half as far as they are large are related") {
  test::Random random(5);
  const Bytes floats = bell_shaped(random, 40000, 4);
  CHECK(relate(Dtype::f32, floats, shaken(random, floats, 0.5f)).is_related);
  CHECK_FALSE(relate(Dtype::f32, floats, shaken(random, bell_shaped(random, 40000, 4), 1))
                  .is_related);
}

TEST_CASE("relation: a fine-tuned tensor is related to its old version") {
  test::Random random(1);
  const Bytes floats = bell_shaped(random, 40000, 4);
  const Bytes halves = bell_shaped(random, 40000, 2);
  const Bytes bytes = random.bytes(40000);
  CHECK(relate(Dtype::f32, floats, tuned_floats(random, floats, 4, 1000)).is_related);
  CHECK(relate(Dtype::bf16, halves, tuned_floats(random, halves, 2, 3)).is_related);
  CHECK(relate(Dtype::i8, bytes, tuned_floats(random, bytes, 1, 2)).is_related);
}

TEST_CASE("relation: a tensor trained anew is not") {
  test::Random random(2);
  CHECK_FALSE(
      relate(Dtype::f32, bell_shaped(random, 40000, 4), bell_shaped(random, 40000, 4))
          .is_related);
  CHECK_FALSE(
      relate(Dtype::bf16, bell_shaped(random, 40000, 2), bell_shaped(random, 40000, 2))
          .is_related);
  Bytes narrow = random.bytes(40000);
  for (uint8_t& byte : narrow) byte &= 7;
  CHECK_FALSE(relate(Dtype::i8, random.bytes(40000), narrow).is_related);
}

TEST_CASE("relation: closer versions cost less") {
  test::Random random(3);
  const Bytes floats = bell_shaped(random, 40000, 4);
  const uint64_t near =
      relate(Dtype::f32, floats, tuned_floats(random, floats, 4, 10)).cost;
  const uint64_t far =
      relate(Dtype::f32, floats, tuned_floats(random, floats, 4, 10000)).cost;
  CHECK(near > 2 * 1024);
  CHECK(near < far);
  CHECK(far < 32 * 1024);
  CHECK(relate(Dtype::f32, floats, floats).cost == 0);
}

TEST_CASE("relation: every dtype and length is answered, the same each time") {
  test::Random random = test::seeded("relation");
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    const size_t block = table.entries[i].block_bytes;
    for (const size_t size :
         {size_t{0}, size_t{1}, block - 1, block, block + 1, 1000 * block}) {
      const Bytes base = random.bytes(size);
      const Bytes result = random.changed(base, 3);
      const delta::Relation first = relate(table.entries[i].dtype, base, result);
      const delta::Relation again = relate(table.entries[i].dtype, base, result);
      REQUIRE(first.is_related == again.is_related);
      REQUIRE(first.cost == again.cost);
      REQUIRE(first.cost <= 130 * 1024);
    }
  }
}

namespace {

// Each f32 as `change` makes it.
template <typename Change>
Bytes each(Bytes bytes, const Change& change) {
  for (size_t i = 0; i < bytes.size(); i += 4) {
    const auto value = std::bit_cast<float>(load_le<uint32_t>(&bytes[i]));
    store_le(&bytes[i], std::bit_cast<uint32_t>(change(i / 4, value)));
  }
  return bytes;
}

}  // namespace

TEST_CASE("relation: a pruned tensor is related to what it was, trained on or not") {
  test::Random random(8);
  const Bytes floats = bell_shaped(random, 40000, 4);
  for (const float bound : {0.01f, 0.05f, 0.1f}) {
    const auto prune = [&](size_t, float value) {
      return value < bound && value > -bound ? 0.0f : value;
    };
    const Bytes pruned = each(floats, prune);
    CHECK(relate(Dtype::f32, floats, pruned).is_related);
    CHECK(agree_throughout(Dtype::f32, floats, pruned));
    CHECK(relate(Dtype::f32, floats, each(shaken(random, floats, 0.1f), prune)).is_related);
    // Of the few that are left, a base of smaller ones says as much as nothing.
    if (bound > 0.09f) continue;
    CHECK_FALSE(
        relate(Dtype::f32, floats, each(bell_shaped(random, 40000, 4), prune)).is_related);
  }
  Bytes codes = random.bytes(40000);
  const Bytes before = codes;
  for (uint8_t& code : codes) code = static_cast<int8_t>(code) / 64 == 0 ? 0 : code;
  CHECK(relate(Dtype::i8, before, codes).is_related);
}

TEST_CASE("relation: a tensor that was multiplied is related, by rows, too") {
  test::Random random(9);
  const Bytes floats = bell_shaped(random, 40000, 4);
  for (const float gain : {-1.0f, 0.5f, -0.3f, 3.0f}) {
    const auto multiply = [&](size_t, float value) { return value * gain; };
    CHECK(relate(Dtype::f32, floats, each(floats, multiply)).is_related);
    CHECK(relate(Dtype::f32, floats, each(shaken(random, floats, 0.1f), multiply))
              .is_related);
    CHECK(agree_throughout(Dtype::f32, floats, each(floats, multiply)));
  }
  const Bytes by_row = each(floats, [](size_t i, float value) {
    constexpr float kGains[] = {0.5f, -0.7f, 2.0f, -1.0f, 0.1f};
    return value * kGains[i / 200 % 5];
  });
  CHECK(relate(Dtype::f32, floats, by_row).is_related);
  // Of rows of 100, some are negated: lanes that begin elsewhere have parts of both.
  const auto negate = [](size_t i, float value) {
    return i / 100 * 7 % 10 < 3 ? -value : value;
  };
  for (const Bytes& base : {floats, shaken(random, floats, 0.01f)}) {
    const uint64_t least = relate(Dtype::f32, base, floats, 100).cost;
    const uint64_t cost = relate(Dtype::f32, base, each(floats, negate), 100).cost;
    CHECK(cost <= least + least / 16);
    CHECK(relate(Dtype::f32, base, each(floats, negate)).cost > cost + 2048);
  }
  const Bytes codes = random.bytes(40000);
  Bytes negated = codes;
  for (uint8_t& code : negated) code = static_cast<uint8_t>(-code);
  CHECK(relate(Dtype::i8, codes, negated).is_related);
}
