#include "libcommon/core/lane_conversion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "libcommon/lane_grid.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes bytes_of(const std::vector<float>& numbers) {
  Bytes bytes(numbers.size() * sizeof(float));
  for (size_t i = 0; i < numbers.size(); ++i) {
    store_le(bytes.data() + i * sizeof(float), std::bit_cast<uint32_t>(numbers[i]));
  }
  return bytes;
}

std::vector<float> random_floats(test::Random& random, size_t count) {
  std::vector<float> numbers(count);
  for (float& number : numbers) {
    number = std::ldexp(static_cast<float>(random.below(2001)) - 1000.0F,
                        -static_cast<int>(random.below(12)));
  }
  return numbers;
}

LaneGrid random_grid(test::Random& random, const Bytes& scales) {
  LaneGrid grid;
  grid.run = 1 + random.below(70);
  grid.first = random.below(grid.run);
  grid.lanes = static_cast<uint32_t>(scales.size() / sizeof(float));
  grid.zero = static_cast<int32_t>(random.below(384)) - 128;
  grid.has_inverse = random.chance(2);
  grid.is_even = random.chance(2);
  grid.scales = scales;
  return grid;
}

size_t lane_of(const LaneGrid& grid, size_t i) {
  return static_cast<size_t>((grid.first + i) / grid.run % grid.lanes);
}

bool reads(const LaneGrid& grid, const Conversion& conversion, Dtype to) {
  const Bytes bytes = lane_grid_to_bytes(grid);
  ByteReader reader(bytes);
  LaneGrid read;
  return read_lane_grid(reader, conversion, to, &read) && reader.at_end();
}

}  // namespace

TEST_CASE("lanes: codes are what arithmetic of floats makes them") {
  test::Random random = test::seeded("lanes");
  for (int round = 0; round < 300; ++round) {
    const std::vector<float> numbers = random_floats(random, 1 + random.below(900));
    std::vector<float> scales = random_floats(random, 1 + random.below(5));
    for (float& scale : scales) scale = std::fabs(scale) / 64 + 0.0625F;
    const Bytes scale_bytes = bytes_of(scales);
    const LaneGrid grid = random_grid(random, scale_bytes);
    const Dtype to = random.chance(2) ? Dtype::i8 : Dtype::u8;
    Bytes made(numbers.size());
    convert_lanes({Dtype::f32}, grid, to, bytes_of(numbers), made);
    const float low = to == Dtype::i8 ? -128.0F : 0.0F;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const float scale = scales[lane_of(grid, i)];
      const volatile float inverse = 1.0F / scale;
      const volatile float steps =
          grid.has_inverse ? numbers[i] * inverse : numbers[i] / scale;
      const float whole = grid.is_even ? std::nearbyint(steps) : std::round(steps);
      const float code = std::clamp(whole + static_cast<float>(grid.zero), low, low + 255);
      REQUIRE(made[i] == static_cast<uint8_t>(static_cast<int>(code)));
    }
    // Parts with their own lanes are the same as a whole.
    const size_t cut = random.below(numbers.size());
    Bytes rest(numbers.size() - cut);
    const Bytes part = part_of_lanes(grid, cut, rest.size());
    const Bytes left =
        bytes_of({numbers.begin() + static_cast<ptrdiff_t>(cut), numbers.end()});
    convert_lanes({Dtype::f32}, lane_grid_from_bytes(part, {Dtype::f32}, to), to, left,
                  rest);
    CHECK(std::equal(rest.begin(), rest.end(), made.begin() + static_cast<ptrdiff_t>(cut)));
  }
}

TEST_CASE("lanes: floats are codes, less zero, times the scale") {
  test::Random random = test::seeded("lanes, back");
  for (int round = 0; round < 100; ++round) {
    const Bytes codes = random.bytes(1 + random.below(700));
    const std::vector<float> scales = random_floats(random, 1 + random.below(5));
    const Bytes scale_bytes = bytes_of(scales);
    LaneGrid grid = random_grid(random, scale_bytes);
    grid.has_inverse = grid.is_even = false;
    Bytes made(codes.size() * sizeof(float));
    convert_lanes({Dtype::i8}, grid, Dtype::f32, codes, made);
    for (size_t i = 0; i < codes.size(); ++i) {
      const auto code = static_cast<float>(static_cast<int8_t>(codes[i]) - grid.zero);
      const float number = code * scales[lane_of(grid, i)];
      REQUIRE(load_le<uint32_t>(made.data() + i * 4) == std::bit_cast<uint32_t>(number));
    }
  }
}

TEST_CASE("lanes: derived scales are the largest magnitude over 127") {
  const Bytes base = bytes_of({1.0F, -254.0F, 0.0F, 3.0F, INFINITY, -2.0F});
  LaneGrid grid;
  grid.run = 1;
  grid.lanes = 3;
  grid.is_derived = true;
  const auto scale = [&](uint32_t lane) {
    return std::bit_cast<float>(derived_scale({Dtype::f32}, grid, lane, base));
  };
  CHECK(scale(0) == 3.0F / 127.0F);
  CHECK(scale(1) == 0.0F);  // an infinity predicts nothing
  CHECK(scale(2) == 2.0F / 127.0F);
  Bytes made(6);
  convert_lanes({Dtype::f32}, grid, Dtype::i8, base, made);
  CHECK(made == Bytes{42, 0, 0, 127, 0, 0x81});
}

TEST_CASE("lanes: a grid comes back, and what is none is refused") {
  const Bytes scales = bytes_of({1.0F, 2.0F});
  LaneGrid grid;
  grid.first = 6;
  grid.run = 7;
  grid.lanes = 2;
  grid.zero = -128;
  grid.scales = scales;
  CHECK(reads(grid, {Dtype::i8}, Dtype::f16));
  CHECK(reads(grid, {Dtype::f64}, Dtype::u8));
  CHECK_FALSE(reads(grid, {Dtype::i16}, Dtype::f16));
  CHECK_FALSE(reads(grid, {Dtype::i8}, Dtype::u8));
  CHECK_FALSE(reads(grid, {Dtype::f32, Rounding::zero}, Dtype::i8));
  const auto refuses = [&](auto change) {
    LaneGrid bad = grid;
    change(bad);
    return !reads(bad, {Dtype::f32}, Dtype::i8);
  };
  CHECK_FALSE(refuses([](LaneGrid& bad) { bad.is_even = bad.has_inverse = true; }));
  CHECK(refuses([](LaneGrid& bad) { bad.first = 7; }));
  CHECK(refuses([](LaneGrid& bad) { bad.run = bad.first = 0; }));
  CHECK(refuses([](LaneGrid& bad) { bad.run = (uint64_t{1} << 40) + 1; }));
  CHECK(refuses([](LaneGrid& bad) { bad.lanes = 0; }));
  CHECK(refuses([](LaneGrid& bad) { bad.lanes = 3; }));  // a scale is missing
  CHECK(refuses([](LaneGrid& bad) { bad.lanes = kMaxLanes + 1, bad.is_derived = true; }));
  CHECK(refuses([](LaneGrid& bad) { bad.zero = 256; }));
  CHECK(refuses([](LaneGrid& bad) { bad.zero = -129; }));
  grid.is_even = true;  // floats are not rounded
  CHECK_FALSE(reads(grid, {Dtype::i8}, Dtype::f16));
}

TEST_CASE("lanes: the middle, zeros, infinities and what is no number") {
  const Bytes base = bytes_of({0.5F, -0.5F, 1.5F, 2.5F, -2.5F, 1e30F, -INFINITY, NAN,
                               std::bit_cast<float>(1u), -0.0F, 8388607.5F});
  LaneGrid grid;
  grid.run = 100;
  const Bytes one = bytes_of({1.0F});
  const Bytes none = bytes_of({0.0F});
  const auto codes = [&](const Bytes& scale, bool is_even) {
    grid.scales = scale;
    grid.is_even = is_even;
    Bytes made(11);
    convert_lanes({Dtype::f32}, grid, Dtype::i8, base, made);
    return made;
  };
  CHECK(codes(one, false) == Bytes{1, 0xFF, 2, 3, 0xFD, 127, 0, 0, 0, 0, 127});
  CHECK(codes(one, true) == Bytes{0, 0, 2, 2, 0xFE, 127, 0, 0, 0, 0, 127});
  CHECK(codes(none, false) == Bytes(11));
}
