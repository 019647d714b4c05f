// QuantBlock: reading and writing are exact inverses, and every number is where ggml has it
// (ggml-common.h and dequantize_row_* of ggml-quants.c), worked out by hand.
#include "libcommon/core/quant_block.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/quant_blocks.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

QuantBlock read(Dtype dtype, const Bytes& bytes) {
  QuantBlock block;
  read_quant_block(dtype, bytes.data(), &block);
  return block;
}

template <typename Visit>
void for_each_grid(const Visit& visit) {
  for (const Dtype dtype : test::kGridDtypes) {
    const DtypeLayout& layout = dtype_layout(dtype);
    CAPTURE(std::string(layout.name));
    visit(layout, *quant_grid(dtype));
  }
}

enum class What { code, group_scale, group_minimum, scale, minimum };

struct Number {
  What what;
  size_t index;
  int value;
};

// One byte of a block of zeros set: the numbers that are then other than in one of zeros.
struct Pinned {
  Dtype dtype;
  size_t byte;
  uint8_t value;
  std::vector<Number> numbers;
};

Number code(size_t index, int value) { return {What::code, index, value}; }
Number scale(size_t index, int value) { return {What::group_scale, index, value}; }
Number minimum(size_t index, int value) { return {What::group_minimum, index, value}; }
Number half_scale(int value) { return {What::scale, 0, value}; }
Number half_minimum(int value) { return {What::minimum, 0, value}; }

void set(const Number& number, QuantBlock* block) {
  const auto value = static_cast<int16_t>(number.value);
  switch (number.what) {
    case What::code:
      block->code[number.index] = value;
      break;
    case What::group_scale:
      block->group_scale[number.index] = value;
      break;
    case What::group_minimum:
      block->group_minimum[number.index] = value;
      break;
    case What::scale:
      block->scale = static_cast<uint16_t>(number.value);
      break;
    case What::minimum:
      block->minimum = static_cast<uint16_t>(number.value);
      break;
  }
}

void check(const Pinned& pin) {
  CAPTURE(std::string(dtype_layout(pin.dtype).name));
  CAPTURE(pin.byte);
  CAPTURE(static_cast<unsigned>(pin.value));
  Bytes bytes(dtype_layout(pin.dtype).block_bytes);
  QuantBlock expected = read(pin.dtype, bytes);
  for (const Number& number : pin.numbers) set(number, &expected);
  bytes[pin.byte] = pin.value;
  CHECK(test::is_same(read(pin.dtype, bytes), expected));
  Bytes written(bytes.size(), 0xFF);
  write_quant_block(pin.dtype, expected, written.data());
  CHECK(written == bytes);
}

// The 12 bytes of q4_k and q5_k, from byte 4: scales 0..3 and minima 0..3 in six bits, the
// high bits of 4..7 above them, their low bits in the last four bytes.
void check_packed_scales(Dtype dtype) {
  check({dtype, 4, 0x6A, {scale(0, 42), scale(4, 16)}});
  check({dtype, 7, 0xBF, {scale(3, 63), scale(7, 32)}});
  check({dtype, 8, 0xC5, {minimum(0, 5), minimum(4, 48)}});
  check({dtype, 11, 0x41, {minimum(3, 1), minimum(7, 16)}});
  check({dtype, 12, 0x5A, {scale(4, 10), minimum(4, 5)}});
  check({dtype, 15, 0x21, {scale(7, 1), minimum(7, 2)}});
}

}  // namespace

TEST_CASE("quant block: 13 dtypes have a grid, which fills their blocks") {
  size_t grids = 0;
  for (unsigned number = 0; number < 256; ++number) {
    const auto dtype = static_cast<Dtype>(number);
    const bool is_listed =
        std::find(std::begin(test::kGridDtypes), std::end(test::kGridDtypes), dtype) !=
        std::end(test::kGridDtypes);
    CHECK((quant_grid(dtype) != nullptr) == is_listed);
    grids += quant_grid(dtype) != nullptr ? 1 : 0;
  }
  CHECK(grids == 13);
  for_each_grid([](const DtypeLayout& layout, const QuantGrid& grid) {
    CHECK(test::code_count(grid) == layout.block_elements);
    CHECK(grid.groups <= kMaxBlockGroups);
    CHECK(test::code_count(grid) <= kMaxBlockCodes);
  });
}

TEST_CASE("quant block: any bytes are read within bounds, and written back exactly") {
  test::Random random = test::seeded("quant block");
  for_each_grid([&](const DtypeLayout& layout, const QuantGrid& grid) {
    for (int round = 0; round < 3000; ++round) {
      Bytes bytes = random.bytes(layout.block_bytes);
      if (round < 256) std::fill(bytes.begin(), bytes.end(), static_cast<uint8_t>(round));
      QuantBlock block = read(layout.dtype, bytes);
      bool is_within = true;
      test::for_each_integer(grid, &block, [&](int16_t number, Bounds bounds) {
        is_within = is_within && number >= bounds.low && number <= bounds.high;
      });
      REQUIRE(is_within);
      Bytes written = random.bytes(layout.block_bytes);  // what was there does not matter
      write_quant_block(layout.dtype, block, written.data());
      REQUIRE(written == bytes);
    }
  });
}

TEST_CASE("quant block: any numbers within bounds are written, and read back") {
  test::Random random = test::seeded("quant block numbers");
  for_each_grid([&](const DtypeLayout& layout, const QuantGrid& grid) {
    for (int round = 0; round < 1000; ++round) {
      const QuantBlock block = round % 2 == 0 ? test::random_block(random, grid)
                                              : test::extreme_block(random, grid);
      REQUIRE(
          test::is_same(read(layout.dtype, test::bytes_of(layout.dtype, {block})), block));
    }
  });
}

TEST_CASE("quant block: every bit is part of one number") {
  test::Random random = test::seeded("quant block bits");
  for_each_grid([&](const DtypeLayout& layout, const QuantGrid& grid) {
    const Bytes bytes = random.bytes(layout.block_bytes);
    const QuantBlock before = read(layout.dtype, bytes);
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      Bytes flipped = bytes;
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
      const QuantBlock after = read(layout.dtype, flipped);
      size_t changes = after.scale != before.scale ? 1 : 0;
      changes += after.minimum != before.minimum ? 1 : 0;
      for (size_t i = 0; i < kMaxBlockGroups; ++i) {
        changes += after.group_scale[i] != before.group_scale[i] ? 1 : 0;
        changes += after.group_minimum[i] != before.group_minimum[i] ? 1 : 0;
      }
      for (size_t i = 0; i < test::code_count(grid); ++i) {
        changes += after.code[i] != before.code[i] ? 1 : 0;
      }
      REQUIRE(changes == 1);
    }
  });
}

TEST_CASE("quant block: where blocks of 32 have their numbers") {
  check({Dtype::q4_0, 0, 0x12, {half_scale(0x0012)}});
  check({Dtype::q4_0, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q4_0, 2, 0x5A, {code(0, 2), code(16, -3)}});
  check({Dtype::q4_0, 17, 0xF0, {code(31, 7)}});

  check({Dtype::q4_1, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q4_1, 3, 0xBC, {half_minimum(0xBC00)}});
  check({Dtype::q4_1, 4, 0x5A, {code(0, 10), code(16, 5)}});
  check({Dtype::q4_1, 19, 0xC7, {code(15, 7), code(31, 12)}});

  check({Dtype::q5_0, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q5_0, 2, 0x81, {code(0, 0), code(7, 0)}});
  check({Dtype::q5_0, 4, 0x02, {code(17, 0)}});
  check({Dtype::q5_0, 5, 0x80, {code(31, 0)}});
  check({Dtype::q5_0, 6, 0x5A, {code(0, -6), code(16, -11)}});
  check({Dtype::q5_0, 21, 0xF1, {code(15, -15), code(31, -1)}});

  check({Dtype::q5_1, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q5_1, 2, 0x34, {half_minimum(0x0034)}});
  check({Dtype::q5_1, 4, 0x81, {code(0, 16), code(7, 16)}});
  check({Dtype::q5_1, 6, 0x02, {code(17, 16)}});
  check({Dtype::q5_1, 8, 0x5A, {code(0, 10), code(16, 5)}});
  check({Dtype::q5_1, 23, 0xF1, {code(15, 1), code(31, 15)}});

  check({Dtype::q8_0, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q8_0, 2, 0x80, {code(0, -128)}});
  check({Dtype::q8_0, 3, 0xFF, {code(1, -1)}});
  check({Dtype::q8_0, 33, 0x7F, {code(31, 127)}});
}

TEST_CASE("quant block: where q2_k has its numbers") {
  check({Dtype::q2_k, 0, 0x5A, {scale(0, 10), minimum(0, 5)}});
  check({Dtype::q2_k, 15, 0xF1, {scale(15, 1), minimum(15, 15)}});
  check({Dtype::q2_k, 16, 0xE4, {code(32, 1), code(64, 2), code(96, 3)}});
  check({Dtype::q2_k, 49, 0x1B, {code(129, 3), code(161, 2), code(193, 1)}});
  check({Dtype::q2_k, 79, 0x40, {code(255, 1)}});
  check({Dtype::q2_k, 81, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q2_k, 83, 0x3C, {half_minimum(0x3C00)}});
}

TEST_CASE("quant block: where q3_k has its numbers") {
  // A bit in the mask of high bits keeps 4 from being taken.
  check({Dtype::q3_k, 0, 0x81, {code(0, 0), code(224, 0)}});
  check({Dtype::q3_k, 31, 0x10, {code(159, 0)}});
  check({Dtype::q3_k, 32, 0xE4, {code(32, -3), code(64, -2), code(96, -1)}});
  check({Dtype::q3_k, 64, 0x03, {code(128, -1)}});
  check({Dtype::q3_k, 95, 0x40, {code(255, -3)}});
  // Scales: low halves of 0..7, then above them of 8..15; the high bits of j, j + 4, j + 8
  // and j + 12 in one byte.
  check({Dtype::q3_k, 96, 0x5A, {scale(0, -22), scale(8, -27)}});
  check({Dtype::q3_k, 103, 0xF0, {scale(15, -17)}});
  check({Dtype::q3_k, 104, 0xE4, {scale(4, -16), scale(8, 0), scale(12, 16)}});
  check({Dtype::q3_k, 107, 0x03, {scale(3, 16)}});
  check({Dtype::q3_k, 109, 0x3C, {half_scale(0x3C00)}});
}

TEST_CASE("quant block: where q4_k has its numbers") {
  check({Dtype::q4_k, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q4_k, 3, 0x3C, {half_minimum(0x3C00)}});
  check_packed_scales(Dtype::q4_k);
  check({Dtype::q4_k, 16, 0x5A, {code(0, 10), code(32, 5)}});
  check({Dtype::q4_k, 48, 0x21, {code(64, 1), code(96, 2)}});
  check({Dtype::q4_k, 143, 0xC3, {code(223, 3), code(255, 12)}});
}

TEST_CASE("quant block: where q5_k has its numbers") {
  check({Dtype::q5_k, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::q5_k, 3, 0x3C, {half_minimum(0x3C00)}});
  check_packed_scales(Dtype::q5_k);
  check({Dtype::q5_k, 16, 0x81, {code(0, 16), code(224, 16)}});
  check({Dtype::q5_k, 47, 0x06, {code(63, 16), code(95, 16)}});
  check({Dtype::q5_k, 48, 0x5A, {code(0, 10), code(32, 5)}});
  check({Dtype::q5_k, 175, 0xC3, {code(223, 3), code(255, 12)}});
}

TEST_CASE("quant block: where q6_k has its numbers") {
  check({Dtype::q6_k, 0, 0x5A, {code(0, -22), code(64, -27)}});
  check({Dtype::q6_k, 32, 0x21, {code(32, -31), code(96, -30)}});
  check({Dtype::q6_k, 64, 0x21, {code(128, -31), code(192, -30)}});
  check({Dtype::q6_k, 127, 0xF0, {code(255, -17)}});
  check({Dtype::q6_k, 128, 0xE4, {code(32, -16), code(64, 0), code(96, 16)}});
  check({Dtype::q6_k, 160, 0x03, {code(128, 16)}});
  check({Dtype::q6_k, 191, 0xC0, {code(255, 16)}});
  check({Dtype::q6_k, 192, 0x80, {scale(0, -128)}});
  check({Dtype::q6_k, 207, 0x7F, {scale(15, 127)}});
  check({Dtype::q6_k, 209, 0x3C, {half_scale(0x3C00)}});
}

TEST_CASE("quant block: where blocks with tables have their numbers") {
  check({Dtype::iq4_nl, 0, 0x12, {half_scale(0x0012)}});
  check({Dtype::iq4_nl, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::iq4_nl, 2, 0x5A, {code(0, 10), code(16, 5)}});
  check({Dtype::iq4_nl, 17, 0xF0, {code(31, 15)}});

  check({Dtype::iq4_xs, 1, 0x3C, {half_scale(0x3C00)}});
  check({Dtype::iq4_xs, 2, 0xE4, {scale(1, -16), scale(2, 0), scale(3, 16)}});
  check({Dtype::iq4_xs, 3, 0x40, {scale(7, -16)}});
  check({Dtype::iq4_xs, 4, 0x5A, {scale(0, -22), scale(1, -27)}});
  check({Dtype::iq4_xs, 7, 0xF0, {scale(7, -17)}});
  check({Dtype::iq4_xs, 8, 0x5A, {code(0, 10), code(16, 5)}});
  check({Dtype::iq4_xs, 24, 0x21, {code(32, 1), code(48, 2)}});
  check({Dtype::iq4_xs, 135, 0xC3, {code(239, 3), code(255, 12)}});

  // Codes in the order of their values: 8 is zero, 7 is -0, 0 is -12, 15 is 12.
  check({Dtype::mxfp4, 0, 0x7F, {half_scale(0x7F)}});
  check({Dtype::mxfp4, 1, 0x5A, {code(0, 5), code(16, 13)}});
  check({Dtype::mxfp4, 16, 0xF8, {code(15, 7), code(31, 0)}});
}

TEST_CASE("quant block: scales that are powers of two, in the units of halves") {
  CHECK(power_units(128) == half_units(0x3C00));
  CHECK(power_units(104) == half_units(0x0001));
  CHECK(power_units(143) == half_units(0x7800));
  for (uint16_t least = 0; least < 104; ++least) CHECK(power_units(least) == 1);
  for (uint16_t most = 144; most < 256; ++most) {
    CHECK(power_units(most) == int64_t{1099511627776});  // 2^40
  }
}

TEST_CASE("quant block: the place among the values of a table is where the nearest are") {
  for (const Dtype dtype : {Dtype::iq4_nl, Dtype::mxfp4}) {
    const CodeTable& table = *quant_grid(dtype)->table;
    const auto nearest = [&](int64_t value) {
      return (table.place(value, 8) + 2048) >> 12;
    };
    for (int16_t i = 0; i < 16; ++i) {
      CHECK(table.number(table.bits(i)) == i);
      CHECK(nearest(4096 * table.value(i)) == i);
      if (i == 0) continue;
      const auto below = static_cast<int16_t>(i - 1);
      CHECK(table.value(below) < table.value(i));
      const int64_t middle = 2048 * (table.value(below) + table.value(i));
      CHECK(table.place(middle, i) == 4096 * i - 2048);
      CHECK(nearest(middle - 1) == below);
    }
    int64_t last = INT64_MIN;
    for (int64_t value = -200 * 4096; value < 200 * 4096; value += 31) {
      const int64_t place = table.place(value, 0);
      CHECK(place == table.place(value, 15));
      CHECK(place >= last);
      last = place;
    }
    const int64_t far = int64_t{127} << 24;
    CHECK(table.place(-far, 15) < -2048);
    CHECK(table.place(far, 0) > 15 * 4096 + 2048);
  }
}
