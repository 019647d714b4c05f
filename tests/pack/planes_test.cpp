// The transforms of codec 2: mirrored exactly, for every dtype, mode and length; and in the
// form that docs/format/planes.md gives.
#include "mallorn-pack/planes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

#include "mallorn-apply/core/planes.hpp"

using namespace mallorn;

namespace {

using Bytes = std::vector<uint8_t>;
constexpr std::array kModes = {PlaneMode::direct, PlaneMode::residual, PlaneMode::ordered};

Bytes noise(std::mt19937& random, size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

Bytes join(Dtype dtype, PlaneMode mode, ByteView planes, ByteView base) {
  Bytes result(planes.size(), 0xAA);
  REQUIRE(apply::join_planes(dtype, mode, planes, base, result) == Status::ok);
  return result;
}

void check_split(Dtype dtype, ByteView base, ByteView result) {
  for (const PlaneMode mode : kModes) {
    if (!has_mode(dtype, mode)) continue;
    const Bytes planes = pack::split_planes(dtype, mode, base, result);
    CHECK(planes.size() == result.size());
    CHECK(join(dtype, mode, planes, base) == Bytes(result.begin(), result.end()));
  }
}

template <typename Visit>
void for_each_layout(const Visit& visit) {
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) visit(table.entries[i]);
}

}  // namespace

TEST_CASE("planes: fields cover every byte of a block exactly once") {
  for_each_layout([](const DtypeLayout& layout) {
    CAPTURE(std::string(layout.name));
    const size_t block_bytes = plane_block_bytes(layout.dtype);
    CHECK(layout.block_bytes % block_bytes == 0);
    std::vector<int> used(block_bytes);
    Plane plane;
    size_t count = 0;
    for (; plane_of(layout.dtype, count, &plane); ++count) {
      for (size_t i = 0; i < plane.field.count; ++i) {
        ++used.at(plane.field.offset + i * plane.field.stride + plane.significance);
      }
    }
    CHECK(used == std::vector<int>(block_bytes, 1));
    CHECK(count <= 10);
  });
}

TEST_CASE("planes: codes and scales are bijections on blocks of any content") {
  std::mt19937 random(1);
  for_each_layout([&](const DtypeLayout& layout) {
    CAPTURE(std::string(layout.name));
    const BlockFields block = block_fields(layout.dtype);
    for (size_t i = 0; i < block.code_count; ++i) {
      const CodeField& field = block.codes[i];
      const Bytes from = noise(random, layout.block_bytes);
      std::array<uint8_t, 256> codes{};
      unpack_codes(field, from.data(), codes.data());
      Bytes to = from;
      const size_t low_bytes = field.count * field.low.bits / 8u;
      const size_t high_bytes = field.count * field.high.bits / 8u;
      std::fill_n(to.begin() + field.low.offset, low_bytes, uint8_t{0});
      std::fill_n(to.begin() + field.high.offset, high_bytes, uint8_t{0});
      pack_codes(field, codes.data(), to.data());
      CHECK(to == from);
    }
  });
  const Bytes from = noise(random, 12);
  std::array<uint8_t, 16> scales{};
  Bytes to(12);
  unpack_scales(from.data(), scales.data());
  pack_scales(scales.data(), to.data());
  CHECK(to == from);
}

TEST_CASE("planes: code numbers are where the formats put them") {
  Bytes q6_k(210);
  q6_k[5] = 0x70;        // low bits of element 69: 7
  q6_k[128 + 5] = 0x20;  // high bits of element 69: 2
  std::array<uint8_t, 256> codes{};
  unpack_codes(block_fields(Dtype::q6_k).codes[0], q6_k.data(), codes.data());
  CHECK(codes[69] == 2 * 16 + 7);

  Bytes q5_0(22);
  q5_0[6 + 3] = 0x90;  // low bits of element 19: 9
  q5_0[2 + 2] = 0x08;  // fifth bit of element 19
  unpack_codes(block_fields(Dtype::q5_0).codes[0], q5_0.data(), codes.data());
  CHECK(codes[19] == 16 + 9);

  Bytes q3_k(110);
  q3_k[96 + 1] = 0xA0;   // low bits of scale 9: 10
  q3_k[104 + 1] = 0x30;  // high bits of scale 9: 3
  unpack_codes(block_fields(Dtype::q3_k).codes[0], q3_k.data(), codes.data());
  CHECK(codes[9] == 3 * 16 + 10);

  Bytes q4_k_scales(12);
  q4_k_scales[9] = 0x05;   // low bits of scale 5: 5
  q4_k_scales[1] = 0xC0;   // its high bits: 3
  q4_k_scales[10] = 0x60;  // low bits of minimum 6: 6
  q4_k_scales[6] = 0x40;   // its high bits: 1
  unpack_scales(q4_k_scales.data(), codes.data());
  CHECK(codes[5] == 3 * 16 + 5);
  CHECK(codes[8 + 6] == 16 + 6);
}

TEST_CASE("planes: join inverts split, for all dtypes, modes and lengths") {
  std::mt19937 random(2);
  for_each_layout([&](const DtypeLayout& layout) {
    CAPTURE(std::string(layout.name));
    const size_t block = layout.block_bytes;
    for (const size_t blocks : {0, 1, 2, 31, 32, 33, 100}) {
      for (const size_t tail : {size_t{0}, block / 2, block - 1}) {
        const Bytes base = noise(random, blocks * block + tail);
        Bytes near = base;
        for (size_t i = 0; i < near.size(); i += 1 + random() % 9) ++near[i];
        check_split(layout.dtype, base, near);
        check_split(layout.dtype, base, noise(random, base.size()));
        check_split(layout.dtype, base, base);
      }
    }
  });
}

TEST_CASE("planes: differences are taken within numbers, for all values") {
  Bytes base;
  Bytes result;
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      base.push_back(static_cast<uint8_t>(a));
      result.push_back(static_cast<uint8_t>(b));
    }
  }
  const auto residual = [&](Dtype dtype) {
    return pack::split_planes(dtype, PlaneMode::residual, base, result);
  };
  for (const Dtype dtype : {Dtype::u8, Dtype::u4, Dtype::u2, Dtype::f8_e5m2}) {
    check_split(dtype, base, result);
  }
  const Bytes bytes = residual(Dtype::i8);
  const Bytes nibbles = residual(Dtype::i4);
  const Bytes crumbs = residual(Dtype::i2);
  for (size_t i = 0; i < base.size(); ++i) {
    REQUIRE(bytes[i] == ((result[i] - base[i]) & 255));
    for (int shift = 0; shift < 8; shift += 4) {
      REQUIRE((nibbles[i] >> shift & 15) ==
              (((result[i] >> shift) - (base[i] >> shift)) & 15));
    }
    for (int shift = 0; shift < 8; shift += 2) {
      REQUIRE((crumbs[i] >> shift & 3) ==
              (((result[i] >> shift) - (base[i] >> shift)) & 3));
    }
  }
}

TEST_CASE("planes: every pair of half floats, NaN and infinities too, survives") {
  Bytes base;
  Bytes result;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    for (const uint32_t other :
         {0x0000u, 0x8000u, 0x3C00u, 0x7C00u, 0xFC00u, 0xFFFFu, ~bits}) {
      base.insert(base.end(),
                  {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8)});
      result.insert(result.end(),
                    {static_cast<uint8_t>(other), static_cast<uint8_t>(other >> 8)});
    }
  }
  check_split(Dtype::f16, base, result);
  check_split(Dtype::f16, result, base);
}

TEST_CASE("planes: numbers map as specified") {
  CHECK(zigzag(uint16_t{0}) == 0);
  CHECK(zigzag(uint16_t{0xFFFF}) == 1);
  CHECK(zigzag(uint16_t{1}) == 2);
  CHECK(zigzag(uint16_t{0x8000}) == 0xFFFF);
  CHECK(monotone(uint16_t{0x8000}) == 0xFFFF);  // minus zero: -1
  CHECK(monotone(uint16_t{0xBC00}) == 0xC3FF);  // minus one
  CHECK(rotate_sign_down(uint16_t{0xBC00}) == 0x7801);
  CHECK(magnitude_class(uint32_t{0xBF800000}) == 0x7F);
  for (unsigned bits = 2; bits <= 8; ++bits) {
    for (unsigned value = 0; value < 1u << bits; ++value) {
      const uint8_t coded = zigzag_bits(static_cast<uint8_t>(value), bits);
      REQUIRE(coded < 1u << bits);
      REQUIRE((unzigzag_bits(coded) & ((1u << bits) - 1)) == value);
    }
  }
}

TEST_CASE("planes: the worked example of the specification") {
  // bf16: 1.0 -> 1.0078125 (one step up), -0.5 -> -0.5, 0.0 -> -0.0 (one step down).
  const Bytes base = {0x80, 0x3F, 0x00, 0xBF, 0x00, 0x00};
  const Bytes result = {0x81, 0x3F, 0x00, 0xBF, 0x00, 0x80};
  using pack::split_planes;
  CHECK(split_planes(Dtype::bf16, PlaneMode::direct, {}, result) ==
        Bytes{0x7F, 0x7E, 0x00, 0x02, 0x01, 0x01});
  CHECK(split_planes(Dtype::bf16, PlaneMode::residual, base, result) ==
        Bytes{0x00, 0x00, 0x00, 0x02, 0x00, 0x01});
  CHECK(split_planes(Dtype::bf16, PlaneMode::ordered, base, result) ==
        Bytes{0x00, 0x00, 0x00, 0x01, 0x00, 0x02});
}

TEST_CASE("planes: join refuses lengths and modes that do not fit") {
  const Bytes four(4);
  const Bytes five(5);
  Bytes result(4, 0xAA);
  const auto status = [&](Dtype dtype, PlaneMode mode, ByteView planes, ByteView base) {
    return apply::join_planes(dtype, mode, planes, base, result);
  };
  CHECK(status(Dtype::u8, PlaneMode::direct, five, {}) == Status::corrupt_data);
  CHECK(status(Dtype::u8, PlaneMode::residual, four, {}) == Status::corrupt_data);
  CHECK(status(Dtype::u8, PlaneMode::residual, four, five) == Status::corrupt_data);
  CHECK(status(Dtype::u8, PlaneMode::ordered, four, four) == Status::corrupt_data);
  CHECK(status(Dtype::q8_0, PlaneMode::ordered, four, four) == Status::corrupt_data);
  CHECK(result == Bytes(4, 0xAA));
  CHECK(status(Dtype::u8, PlaneMode::direct, four, five) == Status::ok);
}
