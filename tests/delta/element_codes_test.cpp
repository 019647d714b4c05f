#include "mallorn-delta/element_codes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>

#include "tests/support/tensors.hpp"

using namespace mallorn;
using delta::ElementCodes;
using test::Bytes;

TEST_CASE("element codes: as many of each, and neighbours differ in one bit") {
  test::Random random = test::seeded("codes");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::i8, Dtype::u8, Dtype::i16}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes elements = random.bytes(4000 * width);
    for (const unsigned bits : {1u, 2u, 4u}) {
      const ElementCodes codes(dtype, elements, bits);
      CHECK(codes.bits() == bits);
      std::array<size_t, 16> counts{};
      for (size_t at = 0; at < elements.size(); at += width) {
        const uint64_t code = codes.at(elements.data() + at, at);
        REQUIRE(code < uint64_t{1} << bits);
        ++counts[static_cast<size_t>(code)];
      }
      for (size_t code = 0; code < size_t{1} << bits; ++code) {
        CHECK(counts[code] > 4000u >> bits >> 1);
        CHECK(counts[code] < 4000u << 1 >> bits);
      }
    }
  }
  Bytes bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  const ElementCodes codes(Dtype::u8, bytes, 4);
  for (size_t i = 1; i < bytes.size(); ++i) {
    const uint64_t changed = codes.at(&bytes[i - 1], 0) ^ codes.at(&bytes[i], 0);
    CHECK(std::popcount(changed) <= 1);
  }
}

TEST_CASE("element codes: what is no number has a bit") {
  const Bytes blocks(34 * 100, 7);
  const ElementCodes codes(Dtype::q8_0, blocks, 4);
  CHECK(codes.bits() == 1);
  CHECK(codes.at(blocks.data(), 63) <= 1);
  CHECK(ElementCodes(Dtype::f32, {}, 4).at(blocks.data(), 0) == 0);
}
