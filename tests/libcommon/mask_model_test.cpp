// MaskModel: a decoder follows its encoder whatever the mask, what is certain costs
// nothing, limits hold, and what is written is pinned.
#include "libcommon/core/mask_model.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct Mask {
  MaskShape shape;
  std::vector<bool> cells;
};

Mask make_mask(uint32_t rows, uint32_t columns, std::vector<bool> cells) {
  Mask mask;
  mask.shape.rows = rows;
  mask.shape.columns = columns;
  mask.shape.ones = static_cast<uint32_t>(std::count(cells.begin(), cells.end(), true));
  mask.shape.index_bytes = columns <= 256 ? 1 : 2;
  mask.shape.segment_bytes = 4;
  mask.cells = std::move(cells);
  return mask;
}

// Rows with many ones and rows with few; never by a test's own seed, as results are pinned.
Mask random_mask(test::Random& random, uint32_t rows, uint32_t columns, uint64_t rarity) {
  std::vector<bool> cells;
  for (uint32_t row = 0; row < rows; ++row) {
    const uint64_t of_row = 1 + random.below(2 * rarity);
    for (uint32_t i = 0; i < columns; ++i) cells.push_back(random.chance(of_row));
  }
  return make_mask(rows, columns, std::move(cells));
}

template <typename Coder>
void code(Coder& coder, MaskModel& model, Mask* mask) {
  REQUIRE(model.code_shape(coder, &mask->shape));
  mask->cells.resize(mask->shape.cells());
  if (mask->cells.empty()) return;
  model.begin_mask(mask->shape);
  size_t at = 0;
  for (uint32_t row = 0; row < mask->shape.rows; ++row) {
    model.begin_row();
    for (uint32_t column = 0; column < mask->shape.columns; ++column, ++at) {
      mask->cells[at] = model.code_cell(coder, column, mask->cells[at] ? 1 : 0) != 0;
    }
  }
}

Bytes encode(std::vector<Mask> masks) {
  Bytes coded;
  const auto model = std::make_unique<MaskModel>();
  pack::RangeEncoder encoder(coded);
  for (Mask& mask : masks) code(encoder, *model, &mask);
  encoder.finish();
  return coded;
}

Bytes check_round_trip(const std::vector<Mask>& masks) {
  const Bytes coded = encode(masks);
  const auto model = std::make_unique<MaskModel>();
  apply::RangeDecoder decoder(coded);
  for (const Mask& mask : masks) {
    Mask made;
    code(decoder, *model, &made);
    REQUIRE(made.shape == mask.shape);
    REQUIRE(made.cells == mask.cells);
  }
  REQUIRE(decoder.status() == Status::ok);
  return coded;
}

// Of 2000 x 1000 cells, as many ones as `rarity` says.
Bytes large(uint64_t rarity) {
  test::Random random(71);
  std::vector<bool> cells(2000 * 1000);
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = random.chance(rarity);
  return check_round_trip({make_mask(2000, 1000, std::move(cells))});
}

MaskShape shape_of(uint32_t rows, uint32_t columns, uint32_t ones, uint8_t index_bytes,
                   uint8_t segment_bytes) {
  return {rows, columns, ones, false, index_bytes, segment_bytes};
}

}  // namespace

TEST_CASE("mask model: masks of every size and density come back") {
  test::Random random = test::seeded("mask model");
  for (int round = 0; round < 40; ++round) {
    std::vector<Mask> masks;
    for (uint64_t i = 1 + random.below(4); i > 0; --i) {
      masks.push_back(random_mask(random, static_cast<uint32_t>(random.below(40)),
                                  static_cast<uint32_t>(random.below(300)),
                                  1 + random.below(1u << random.below(10))));
    }
    check_round_trip(masks);
  }
}

TEST_CASE("mask model: empty and full masks cost no more than their shape" *
          doctest::test_suite("figures")) {
  for (const bool bit : {false, true}) {
    CHECK(
        check_round_trip({make_mask(1000, 1000, std::vector<bool>(1000000, bit))}).size() <
        16);
  }
  CHECK(check_round_trip({make_mask(0, 0, {}), make_mask(0, 9, {}), make_mask(9, 0, {})})
            .size() < 24);
}

TEST_CASE("mask model: ones that fill the end of a mask cost nothing" *
          doctest::test_suite("figures")) {
  std::vector<bool> cells(1000 * 1000);
  cells[0] = true;
  CHECK(check_round_trip({make_mask(1000, 1000, cells)}).size() < 20);
  cells.assign(cells.size(), true);
  cells[0] = false;
  CHECK(check_round_trip({make_mask(1000, 1000, cells)}).size() < 20);
}

TEST_CASE("mask model: near the entropy of masks without any order" *
          doctest::test_suite("figures")) {
  CHECK(large(2).size() < 250000 * 1006 / 1000);
  CHECK(large(4).size() < 202820 * 1006 / 1000);   // H(1/4) = 0.811278
  CHECK(large(20).size() < 71600 * 1015 / 1000);   // H(1/20) = 0.286397
  CHECK(large(1000).size() < 2852 * 1080 / 1000);  // H(1/1000) = 0.011408
}

TEST_CASE("mask model: columns and rows without ones are seen") {
  test::Random random(72);
  std::vector<bool> cells(500 * 500);
  for (size_t row = 0; row < 500; ++row) {
    for (size_t column = 0; column < 500; ++column) {
      cells[row * 500 + column] = row % 4 == 0 && column % 4 == 1 && random.chance(2);
    }
  }
  // 15,625 cells are in doubt; without order there would be 0.2 bits in each of 250,000.
  CHECK(check_round_trip({make_mask(500, 500, cells)}).size() < 3500);
}

TEST_CASE("mask model: where hardly a cell is one, none is impossible") {
  for (const size_t one : {size_t{0}, size_t{77'777}, size_t{99'999}}) {
    std::vector<bool> cells(100'000, false);
    cells[one] = true;
    CHECK(check_round_trip({make_mask(400, 250, std::move(cells))}).size() < 40);
  }
}

TEST_CASE("mask model: soundness, one below, at and above each limit") {
  CHECK(is_sound(shape_of(0, 0, 0, 1, 1)));
  CHECK_FALSE(is_sound(shape_of(0, 0, 1, 1, 1)));
  CHECK(is_sound(shape_of(3, 5, 15, 1, 1)));
  CHECK_FALSE(is_sound(shape_of(3, 5, 16, 1, 1)));
  CHECK(is_sound(shape_of(1, 256, 255, 1, 1)));
  CHECK_FALSE(is_sound(shape_of(1, 257, 255, 1, 1)));
  CHECK(is_sound(shape_of(1, 257, 255, 2, 1)));
  CHECK_FALSE(is_sound(shape_of(1, 257, 256, 2, 1)));
  CHECK(is_sound(shape_of(1, 257, 256, 2, 2)));
  CHECK(is_sound(shape_of(2, 65536, 65535, 2, 2)));
  CHECK_FALSE(is_sound(shape_of(2, 65536, 65536, 2, 2)));
  CHECK(is_sound(shape_of(2, 65536, 65536, 4, 4)));
  CHECK_FALSE(is_sound(shape_of(1, 65537, 1, 4, 4)));
  CHECK(is_sound(shape_of(1u << 20, 32, 1, 1, 4)));
  CHECK_FALSE(is_sound(shape_of(1u << 20, 33, 1, 1, 4)));
  CHECK_FALSE(is_sound(shape_of((1u << 20) + 1, 1, 1, 1, 4)));
  CHECK(is_sound(shape_of(1u << 10, 1u << 15, 1u << 20, 2, 4)));
  CHECK_FALSE(is_sound(shape_of(1u << 10, 1u << 15, (1u << 20) + 1, 2, 4)));
}

TEST_CASE("mask model: no shape that is not sound is taken from any bytes") {
  test::Random random = test::seeded("mask model shapes");
  const auto model = std::make_unique<MaskModel>();
  for (int round = 0; round < test::rounds(3000); ++round) {
    start_anew(model.get());
    const Bytes noise = random.bytes(random.below(20));
    apply::RangeDecoder decoder(noise);
    MaskShape shape;
    if (model->code_shape(decoder, &shape)) REQUIRE(is_sound(shape));
  }
}

TEST_CASE("models: pinned, what MaskModel writes for fixed masks") {
  test::Random random(73);
  const Bytes coded[] = {
      encode({random_mask(random, 60, 90, 4)}),
      encode({random_mask(random, 9, 700, 30), random_mask(random, 200, 24, 2)}),
      encode({make_mask(3, 300, std::vector<bool>(900, true)), make_mask(2, 0, {})})};
  test::PinCheck pins;
  for (size_t i = 0; i < std::size(coded); ++i) pins.add(test::kMaskPins[i], coded[i]);
  pins.finish();
}
