#include "libcommon/core/permutation.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Element `element` of the result, by the definition: its index on each axis.
size_t place_of(const Permutation& permutation, Picks picks, size_t element) {
  std::array<size_t, kMaxAxes> at{};
  for (uint32_t i = permutation.axes; i-- > 0;) {
    const uint32_t axis = permutation.order[i];
    const size_t index = element % permutation.result_length(axis);
    element /= permutation.result_length(axis);
    const Picks of_axis = picks.subspan(permutation.picks_before(axis));
    at[axis] = permutation.picked[axis] > 0 ? of_axis[index] : index;
  }
  size_t place = 0;
  for (uint32_t axis = 0; axis < permutation.axes; ++axis)
    place = place * permutation.lengths[axis] + at[axis];
  return place;
}

bool exists(const Permutation& permutation, Dtype dtype, uint64_t length) {
  uint64_t bytes = 0;
  return permuted_from(permutation, dtype, length, &bytes);
}

constexpr Permutation kMatrix = {2, 0, {3, 5}, {1, 0}};

}  // namespace

TEST_CASE("permutation: elements of every width, in every order, from anywhere on") {
  test::Random random(1);
  for (const Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::f32, Dtype::c64, Dtype::q4_0}) {
    const size_t width = dtype_layout(dtype).block_bytes;
    for (int round = 0; round < 200; ++round) {
      Permutation permutation{};
      permutation.axes = static_cast<uint32_t>(1 + random.below(4));
      size_t elements = 1;
      size_t in_base = 1;
      std::vector<uint32_t> picks;
      for (uint32_t i = 0; i < permutation.axes; ++i) {
        permutation.lengths[i] = static_cast<uint32_t>(2 + random.below(6));
        permutation.picked[i] =
            static_cast<uint32_t>(random.chance(2) ? random.below(9) : 0);
        for (uint32_t k = 0; k < permutation.picked[i]; ++k)
          picks.push_back(static_cast<uint32_t>(random.below(permutation.lengths[i])));
        elements *= permutation.result_length(i);
        in_base *= permutation.lengths[i];
        permutation.order[i] = static_cast<uint8_t>(i);
      }
      for (uint32_t i = permutation.axes; i > 1; --i)
        std::swap(permutation.order[i - 1], permutation.order[random.below(i)]);
      permutation.first = static_cast<uint32_t>(random.below(elements));
      const size_t count = 1 + random.below(elements - permutation.first);
      const Bytes base = random.bytes(in_base * width);
      uint64_t seen = 0;
      REQUIRE(permuted_from(permutation, dtype, count * width, &seen));
      REQUIRE(seen == base.size());
      Bytes result(count * width);
      REQUIRE(has_picks(permutation, picks));
      permute(permutation, picks, dtype, base, result);
      for (size_t i = 0; i < count; ++i) {
        const size_t place = place_of(permutation, picks, permutation.first + i);
        REQUIRE(memcmp(result.data() + i * width, base.data() + place * width, width) == 0);
      }
    }
  }
}

TEST_CASE("permutation: what is none is refused") {
  CHECK(exists(kMatrix, Dtype::f32, 60));
  CHECK_FALSE(exists(kMatrix, Dtype::f32, 61));
  CHECK_FALSE(exists(kMatrix, Dtype::f32, 64));
  CHECK_FALSE(exists(kMatrix, Dtype::opaque, 15));
  CHECK(exists(kMatrix, Dtype::q8_0, 15 * 34));
  CHECK_FALSE(exists(kMatrix, Dtype::q8_0, 15));
  CHECK_FALSE(exists({0, 0, {3, 5}, {1, 0}}, Dtype::i8, 1));
  CHECK(exists({1, 0, {15}, {0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({5, 0, {2, 2, 2, 2}, {0, 1, 2, 3}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {3, 5}, {1, 1}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {3, 5}, {2, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({3, 0, {3, 5, 2}, {0, 1, 3}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {0, 5}, {1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {1, 5}, {1, 0}}, Dtype::i8, 1));
  CHECK(exists({2, 14, {3, 5}, {1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 15, {3, 5}, {1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, UINT32_MAX, {3, 5}, {1, 0}}, Dtype::i8, 1));
}

TEST_CASE("permutation: picks are of indices that there are, as many as it says") {
  const Permutation permutation = {3, 0, {3, 5, 2}, {2, 0, 1}, {0, 2, 3}};
  CHECK(has_picks(permutation, std::vector<uint32_t>{4, 4, 1, 0, 1}));
  CHECK_FALSE(has_picks(permutation, std::vector<uint32_t>{4, 5, 1, 0, 1}));
  CHECK_FALSE(has_picks(permutation, std::vector<uint32_t>{4, 4, 1, 0, 2}));
  CHECK_FALSE(has_picks(permutation, std::vector<uint32_t>{4, 4, 1, 0}));
  CHECK_FALSE(has_picks(permutation, std::vector<uint32_t>{4, 4, 1, 0, 1, 1}));
  CHECK(has_picks(kMatrix, {}));
  CHECK_FALSE(has_picks({1, 0, {9}, {0}, {UINT32_MAX}}, {}));
  CHECK(exists({2, 0, {2, 1 << 14}, {0, 1}, {1 << 14, 0}}, Dtype::i8, 1 << 28));
  CHECK_FALSE(exists({2, 0, {2, 1 << 14}, {0, 1}, {(1 << 14) + 1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {2, 2}, {0, 1}, {UINT32_MAX, UINT32_MAX}}, Dtype::i8, 1));
}

TEST_CASE("permutation: tensors have a bound, which no product wraps around") {
  CHECK(exists({2, 0, {1 << 13, 1 << 13}, {1, 0}}, Dtype::f32, 4));
  CHECK_FALSE(exists({2, 0, {1 << 13, (1 << 13) + 1}, {1, 0}}, Dtype::f32, 4));
  CHECK(exists({2, 0, {1 << 27, 2}, {1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {1 << 27, 2}, {1, 0}}, Dtype::i16, 2));
  CHECK_FALSE(exists({4, 0, {1u << 31, 1u << 31, 4, 2}, {3, 2, 1, 0}}, Dtype::i8, 1));
  CHECK_FALSE(exists({2, 0, {UINT32_MAX, UINT32_MAX}, {1, 0}}, Dtype::u64, 8));
}
