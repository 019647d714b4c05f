#include "mallorn-delta/signs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tests/support/random.hpp"

using namespace mallorn;
using delta::Signs;
using test::Bytes;

namespace {

constexpr size_t kElements = 20000;

// Elements of four bytes, as `number` makes them.
Bytes elements_of(const std::function<uint32_t()>& number) {
  Bytes bytes(kElements * 4);
  for (size_t at = 0; at < bytes.size(); at += 4) store_le(bytes.data() + at, number());
  return bytes;
}

size_t ones(const Signs& signs, const Bytes& elements) {
  size_t count = 0;
  for (size_t at = 0; at < elements.size(); at += signs.width()) {
    count += signs.at(elements.data() + at);
  }
  return count;
}

Bytes with_tuned_signs(test::Random& random, Bytes elements, size_t width) {
  for (size_t at = width - 1; at < elements.size(); at += width) {
    if (random.chance(40)) elements[at] = random.byte();
  }
  return elements;
}

}  // namespace

TEST_CASE("signs: those of elements that have both are their own") {
  test::Random random = test::seeded("signs");
  const Bytes elements = random.bytes(64000);
  for (const Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::f32, Dtype::i64, Dtype::q4_0}) {
    const Signs signs(dtype, elements);
    CHECK_FALSE(signs.is_centred());
    const size_t width = signs.width();
    CHECK(signs.at(elements.data() + 8) == elements[8 + width - 1] >> 7);
  }
  CHECK_FALSE(Signs(Dtype::f32, ByteView(elements).first(60)).is_centred());
}

TEST_CASE("signs: where all are the same, others tell as much") {
  test::Random random = test::seeded("one sign");
  const auto check = [&](Dtype dtype, const std::function<uint32_t()>& number) {
    const Bytes elements = elements_of(number);
    const Signs signs(dtype, elements);
    CHECK(signs.is_centred());
    const size_t count = ones(signs, elements) * signs.width() / 4;
    CHECK(count > kElements / 5 * signs.width() / 4);
    CHECK(count < kElements / 5 * 4 * signs.width() / 4);
  };
  check(Dtype::i32, [&] { return static_cast<uint32_t>(random.below(50000)); });
  check(Dtype::i32, [&] { return 0u - static_cast<uint32_t>(random.below(50000)); });
  check(Dtype::f32, [&] { return static_cast<uint32_t>(random.below(0x40000000)); });
  check(Dtype::f32, [&] { return random.chance(2) ? 0x3F800000u : 0u; });
  // Most of them zero, or of the largest.
  check(Dtype::i32, [&] { return random.chance(3) ? 1 + uint32_t(random.below(99)) : 0u; });
  check(Dtype::i32, [&] { return random.chance(3) ? uint32_t(random.below(99)) : 255u; });
}

TEST_CASE("signs: samples of the same numbers have the same amid them") {
  test::Random random = test::seeded("amid");
  int equal = 0;
  for (int round = 0; round < 100; ++round) {
    const auto number = [&] { return static_cast<uint32_t>(random.below(50000)); };
    const Bytes a = elements_of(number);
    const Bytes b = elements_of(number);
    const Signs of_a(Dtype::i32, a);
    const Signs of_b(Dtype::i32, b);
    equal += ones(of_a, a) == ones(of_b, a) ? 1 : 0;
  }
  CHECK(equal > 80);
}

TEST_CASE("signs: constant elements, and none") {
  CHECK(ones(Signs(Dtype::f32, Bytes(64000)), Bytes(64000)) == 0);
  const Bytes ones_only(64000, 0xFF);
  CHECK_NOTHROW(ones(Signs(Dtype::u8, ones_only), ones_only));
  CHECK_FALSE(Signs(Dtype::f32, {}).is_centred());
}

TEST_CASE("signs: whether they agree everywhere") {
  test::Random random = test::seeded("agree");
  const Bytes elements = random.bytes(64000);
  CHECK(
      delta::agree_throughout(Dtype::i8, elements, with_tuned_signs(random, elements, 1)));
  CHECK(
      delta::agree_throughout(Dtype::f32, elements, with_tuned_signs(random, elements, 4)));
  Bytes half = elements;
  std::ranges::copy(random.bytes(16000), half.begin() + 20000);
  CHECK_FALSE(delta::agree_throughout(Dtype::i8, elements, half));
  CHECK(delta::agree_throughout(Dtype::i8, ByteView(elements).first(20),
                                ByteView(half).last(20)));
  Bytes positive = elements;
  for (size_t i = 0; i < positive.size(); ++i) positive[i] = elements[i] & 0x7F;
  for (size_t i = 0; i < half.size(); ++i) half[i] &= 0x7F;
  CHECK(delta::agree_throughout(Dtype::i8, positive, positive));
  CHECK_FALSE(delta::agree_throughout(Dtype::i8, positive, half));
}
