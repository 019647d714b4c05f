#include "libcommon/core/conversion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "libcommon/core/block_cast.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

constexpr Dtype kFloats[] = {Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64};

// Codes with sign and without.
bool turns_signs(Dtype from, Dtype to) {
  constexpr Dtype kPairs[][2] = {{Dtype::i8, Dtype::u8}, {Dtype::i4, Dtype::u4}};
  return std::ranges::any_of(kPairs, [&](const auto& pair) {
    return (from == pair[0] && to == pair[1]) || (from == pair[1] && to == pair[0]);
  });
}

bool is_float(Dtype dtype) { return std::ranges::count(kFloats, dtype) > 0; }

// Calls visit(conversion, to) for every conversion there is.
template <typename Visit>
void for_each_conversion(const Visit& visit) {
  const DtypeTable table = dtype_table();
  for (const Rounding rounding : {Rounding::nearest, Rounding::zero}) {
    for (size_t i = 0; i < table.count; ++i) {
      for (size_t k = 0; k < table.count; ++k) {
        const Conversion conversion = {table.entries[i].dtype, rounding};
        const Dtype to = table.entries[k].dtype;
        if (can_convert(conversion, to)) visit(conversion, to);
      }
    }
  }
}

test::Bytes converted(const Conversion& conversion, Dtype to, ByteView base) {
  uint64_t unit_base = 0;
  const uint64_t unit = conversion_unit(conversion, to);
  REQUIRE(converted_from(conversion, to, unit, &unit_base));
  test::Bytes made(static_cast<size_t>(base.size() / unit_base * unit));
  convert(conversion, to, base, made);
  return made;
}

}  // namespace

TEST_CASE("conversion: of floats and simple blocks into each other, of others into these") {
  size_t nearest = 0;
  size_t zero = 0;
  size_t signs = 0;
  for_each_conversion([&](const Conversion& conversion, Dtype to) {
    if (turns_signs(conversion.from, to)) {
      ++signs;
      CHECK(conversion.rounding == Rounding::nearest);
      return;
    }
    CHECK((is_float(to) || can_quantize(to)));
    CHECK((is_float(conversion.from) || can_dequantize(conversion.from)));
    CHECK(conversion.from != to);
    ++(conversion.rounding == Rounding::nearest ? nearest : zero);
    if (conversion.rounding == Rounding::zero) CHECK(to == Dtype::bf16);
  });
  CHECK(nearest == 14 * 9 - 9);
  CHECK(zero == 13);
  CHECK(signs == 4);
  CHECK_FALSE(can_convert({}, Dtype::f32));
  CHECK_FALSE(can_convert({Dtype::f32}, Dtype::q4_k));
  CHECK_FALSE(can_convert({Dtype::i8}, Dtype::f32));
  CHECK_FALSE(can_convert({Dtype::mxfp4}, Dtype::f32));
}

TEST_CASE("conversion: codes keep their order where they lose their sign, or get one") {
  const test::Bytes codes = {0x80, 0xFF, 0, 1, 0x7F};
  const test::Bytes bytes = {0, 0x7F, 0x80, 0x81, 0xFF};
  CHECK(converted({Dtype::i8}, Dtype::u8, codes) == bytes);
  CHECK(converted({Dtype::u8}, Dtype::i8, bytes) == codes);
  CHECK(converted({Dtype::i4}, Dtype::u4, test::Bytes{0x80, 0xF7}) ==
        test::Bytes{0x08, 0x7F});
  CHECK(converted({Dtype::u4}, Dtype::i4, test::Bytes{0x08, 0x7F}) ==
        test::Bytes{0x80, 0xF7});
}

TEST_CASE("conversion: lengths are those of whole units") {
  uint64_t bytes = 7;
  CHECK(converted_from({Dtype::f32}, Dtype::f16, 10, &bytes));
  CHECK(bytes == 20);
  CHECK_FALSE(converted_from({Dtype::f32}, Dtype::f16, 11, &bytes));
  CHECK(converted_from({Dtype::f32}, Dtype::q8_0, 68, &bytes));
  CHECK(bytes == 256);
  CHECK_FALSE(converted_from({Dtype::f32}, Dtype::q8_0, 67, &bytes));
  CHECK(converted_from({Dtype::q4_k}, Dtype::q8_0, 8 * 34, &bytes));
  CHECK(bytes == 144);
  CHECK_FALSE(converted_from({Dtype::q4_k}, Dtype::q8_0, 34, &bytes));
  CHECK(converted_from({Dtype::q6_k}, Dtype::f32, 1024, &bytes));
  CHECK(bytes == 210);
  CHECK_FALSE(converted_from({Dtype::f64}, Dtype::f16, UINT64_MAX - 1, &bytes));
}

TEST_CASE("conversion: weights are for blocks whose scales are searched for") {
  const DtypeTable table = dtype_table();
  size_t count = 0;
  for (size_t i = 0; i < table.count; ++i) {
    for (size_t k = 0; k < table.count; ++k) {
      const Conversion conversion = {table.entries[i].dtype};
      const Dtype to = table.entries[k].dtype;
      if (!has_weights(conversion, to)) continue;
      ++count;
      CHECK_FALSE(can_convert(conversion, to));
      CHECK(conversion.from != to);
      CHECK_FALSE(has_weights({conversion.from, Rounding::zero}, to));
      Conversion read;
      REQUIRE(conversion_from_byte(conversion_to_byte(conversion), to, &read));
      CHECK(read == conversion);
    }
  }
  CHECK(count == 14 * 8 - 5);
  CHECK(has_weights({Dtype::f64}, Dtype::mxfp4));
  CHECK_FALSE(has_weights({Dtype::mxfp4}, Dtype::q4_k));
  CHECK_FALSE(has_weights({Dtype::f32}, Dtype::q8_0));
  CHECK_FALSE(has_weights({Dtype::f32}, Dtype::iq2_xs));
  CHECK(conversion_elements({Dtype::q4_k}, Dtype::iq4_nl) == 256);
  CHECK(conversion_elements({Dtype::f16}, Dtype::iq4_nl) == 32);
  uint64_t bytes = 0;
  CHECK(converted_from({Dtype::q8_0}, Dtype::q6_k, 210, &bytes));
  CHECK(bytes == 8 * 34);
  CHECK_FALSE(converted_from({Dtype::q4_k}, Dtype::iq4_nl, 7 * 18, &bytes));
}

TEST_CASE("conversion: one byte tells it") {
  for_each_conversion([](const Conversion& conversion, Dtype to) {
    Conversion read;
    REQUIRE(conversion_from_byte(conversion_to_byte(conversion), to, &read));
    CHECK(read == conversion);
  });
  Conversion read = {Dtype::f64};
  CHECK_FALSE(conversion_from_byte(0, Dtype::f32, &read));
  CHECK_FALSE(conversion_from_byte(11, Dtype::f32, &read));
  CHECK_FALSE(conversion_from_byte(11 | 0x80, Dtype::f16, &read));
  CHECK_FALSE(conversion_from_byte(127, Dtype::f32, &read));
  CHECK(read == Conversion{Dtype::f64});
  CHECK(conversion_from_byte(11 | 0x80, Dtype::bf16, &read));
  CHECK(read == Conversion{Dtype::f32, Rounding::zero});
}

TEST_CASE("conversion: any bytes, and the same however they are cut") {
  test::Random random = test::seeded("conversion");
  for_each_conversion([&random](const Conversion& conversion, Dtype to) {
    uint64_t unit_base = 0;
    const uint64_t unit = conversion_unit(conversion, to);
    REQUIRE(converted_from(conversion, to, unit, &unit_base));
    const size_t units = 1 + random.below(20);
    const test::Bytes base = random.bytes(static_cast<size_t>(unit_base) * units);
    const test::Bytes whole = converted(conversion, to, base);
    CHECK(whole.size() == units * unit);
    const auto cut = static_cast<size_t>(random.below(units + 1));
    test::Bytes parts = converted(conversion, to, ByteView(base).first(cut * unit_base));
    const test::Bytes rest =
        converted(conversion, to, ByteView(base).subspan(cut * unit_base));
    parts.insert(parts.end(), rest.begin(), rest.end());
    CHECK(parts == whole);
  });
  CHECK(converted({Dtype::f32}, Dtype::f16, {}).empty());
}

TEST_CASE("conversion: halves, blocks and doubles on known numbers") {
  // 1, -2, 65504, 2^-24
  const test::Bytes halves = {0x00, 0x3C, 0x00, 0xC0, 0xFF, 0x7B, 0x01, 0x00};
  const test::Bytes singles = {0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0xC0,
                               0x00, 0xE0, 0x7F, 0x47, 0x00, 0x00, 0x80, 0x33};
  CHECK(converted({Dtype::f16}, Dtype::f32, halves) == singles);
  CHECK(converted({Dtype::f32}, Dtype::f16, singles) == halves);
  CHECK(converted({Dtype::f16}, Dtype::bf16, halves) ==
        test::Bytes{0x80, 0x3F, 0x00, 0xC0, 0x80, 0x47, 0x80, 0x33});
  CHECK(converted({Dtype::f16, Rounding::zero}, Dtype::bf16, halves) ==
        test::Bytes{0x80, 0x3F, 0x00, 0xC0, 0x7F, 0x47, 0x80, 0x33});
  CHECK(converted({Dtype::f64}, Dtype::f32, converted({Dtype::f32}, Dtype::f64, singles)) ==
        singles);
  test::Bytes block(34);  // a scale of 1/2, codes 0 to 31
  block[1] = 0x38;
  for (uint8_t i = 0; i < 32; ++i) block[2u + i] = i;
  const test::Bytes weights = converted({Dtype::q8_0}, Dtype::f16, block);
  CHECK(weights[2] == 0x00);  // 1 * 1/2
  CHECK(weights[3] == 0x38);
  CHECK(weights[62] == 0xC0);  // 31 * 1/2
  CHECK(weights[63] == 0x4B);
}
