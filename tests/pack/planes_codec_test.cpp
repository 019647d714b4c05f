// Codec 2: round trips for all dtypes, what it writes where the specification shows it, and
// what its decoder refuses.
#include "mallorn-pack/planes_codec.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "mallorn-apply/planes_decoder.hpp"

using namespace mallorn;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes planes_noise(std::mt19937& random, size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// `base` with one byte in `rarity` moved by one.
Bytes changed(std::mt19937& random, Bytes base, unsigned rarity) {
  for (uint8_t& byte : base) {
    if (random() % rarity == 0)
      byte = static_cast<uint8_t>(byte + (random() % 2 == 0 ? 1 : 255));
  }
  return base;
}

Status decode_planes(Dtype dtype, const Bytes& coded, ByteView base, size_t size) {
  Bytes result(size);
  return apply::decode_planes(dtype, coded, base, result);
}

Bytes check_planes(Dtype dtype, ByteView base, ByteView result, int level) {
  const Bytes coded = pack::encode_planes(dtype, base, result, level);
  CHECK(coded == pack::encode_planes(dtype, base, result, level));
  CHECK(coded.size() <= result.size() + pack::kPlanesGrowth);
  Bytes decoded(result.size());
  REQUIRE(apply::decode_planes(dtype, coded, base, decoded) == Status::ok);
  CHECK(decoded == Bytes(result.begin(), result.end()));
  return coded;
}

template <typename Visit>
void for_each_planes_dtype(const Visit& visit) {
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) visit(table.entries[i]);
}

}  // namespace

TEST_CASE("planes codec: round trips for all dtypes and lengths, with and without base") {
  std::mt19937 random(7);
  for_each_planes_dtype([&](const DtypeLayout& layout) {
    CAPTURE(std::string(layout.name));
    const size_t block = layout.block_bytes;
    for (const size_t size :
         {size_t{0}, block - 1, block, 2 * block + block / 2, 100 * block}) {
      CAPTURE(size);
      const Bytes base = planes_noise(random, size);
      check_planes(layout.dtype, {}, base, 3);
      check_planes(layout.dtype, base, base, 3);
      check_planes(layout.dtype, base, changed(random, base, 3), 3);
      check_planes(layout.dtype, base, changed(random, base, 50), 19);
      check_planes(layout.dtype, base, planes_noise(random, size), 1);
    }
  });
}

TEST_CASE("planes codec: a large section round trips, and small changes cost little") {
  std::mt19937 random(8);
  for (const Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::f32, Dtype::q4_k, Dtype::q6_k}) {
    const size_t size = (size_t{1} << 20) - 5;
    const Bytes base = planes_noise(random, size);
    CHECK(check_planes(dtype, base, base, 3).size() < 64);
    CHECK(check_planes(dtype, base, changed(random, base, 100), 3).size() < size / 6);
    check_planes(dtype, base, planes_noise(random, size), 3);
  }
}

TEST_CASE("planes codec: a base without relation does no harm") {
  std::mt19937 random(9);
  Bytes result(40000);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<uint8_t>(i % 4 == 3 ? 0x3C + random() % 3 : random());
  }
  const Bytes base = planes_noise(random, result.size());
  const size_t alone = pack::encode_planes(Dtype::f32, {}, result, 3).size();
  CHECK(alone < result.size() * 9 / 10);
  CHECK(pack::encode_planes(Dtype::f32, base, result, 3).size() <= alone + alone / 100);
}

TEST_CASE("planes codec: the worked examples of the specification") {
  const Bytes base = {0x80, 0x3F, 0x00, 0xBF, 0x00, 0x00};
  const Bytes result = {0x81, 0x3F, 0x00, 0xBF, 0x00, 0x80};
  const Bytes coded = {0x01, 0x01, 0x00, 0x00, 0x02, 0x00, 0x01};
  CHECK(pack::encode_planes(Dtype::bf16, base, result, 3) == coded);
  Bytes decoded(result.size());
  REQUIRE(apply::decode_planes(Dtype::bf16, coded, base, decoded) == Status::ok);
  CHECK(decoded == result);

  // A tail of one byte, residual 2.
  const Bytes long_base = {0x80, 0x3F, 0x00, 0xBF, 0x00, 0x00, 0x10};
  const Bytes long_result = {0x81, 0x3F, 0x00, 0xBF, 0x00, 0x80, 0x12};
  const Bytes long_coded = {0x02, 0x01, 0x00, 0x00, 0x01, 0x00, 0x02, 0x01, 0x02};
  decoded.resize(long_result.size());
  REQUIRE(apply::decode_planes(Dtype::bf16, long_coded, long_base, decoded) == Status::ok);
  CHECK(decoded == long_result);

  // A sparse plane: bytes 1 and 8 of ten are 5 and 6.
  const Bytes sparse = {0x00, 0x03, 0x00, 0x02, 0x01, 0x00, 0x05, 0x06};
  decoded.resize(10);
  REQUIRE(apply::decode_planes(Dtype::u8, sparse, {}, decoded) == Status::ok);
  CHECK(decoded == Bytes{0, 5, 0, 0, 0, 0, 0, 0, 6, 0});
}

TEST_CASE("planes codec: refuses what is malformed") {
  const Bytes base(10);
  const auto status = [&](const Bytes& coded) {
    return decode_planes(Dtype::u8, coded, base, 10);
  };
  const Status corrupt = Status::corrupt_data;
  CHECK(status({0x01, 0x01, 0x07}) == Status::ok);
  CHECK(status({}) == corrupt);
  CHECK(status({0x03, 0x01, 0x07}) == corrupt);        // no such mode
  CHECK(status({0x02, 0x01, 0x07}) == corrupt);        // `ordered` with integers
  CHECK(status({0x01, 0x01, 0x07, 0x00}) == corrupt);  // more than the planes
  CHECK(status({0x01, 0x01}) == corrupt);
  CHECK(status({0x01, 0x05, 0x07}) == corrupt);  // constant with a length
  CHECK(status({0x01, 0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) == corrupt);  // stored with one
  CHECK(status({0x01, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9}) == corrupt);
  CHECK(status({0x01, 0x02}) == corrupt);  // zstd without blocks
  CHECK(status({0x01, 0x12, 0x53, 0x00, 0x00}) == corrupt);
  CHECK(status({0x01, 0x12, 0x53, 0x00, 0x00, 0x07}) == Status::ok);
  CHECK(status({0x01, 0x07, 0x00, 0x02, 0x01, 0x00, 0x05, 0x06}) ==
        corrupt);  // sparse, length
  CHECK(status({0x01, 0x03, 0x00, 0x02, 0x04, 0x00, 0x05, 0x06}) ==
        corrupt);                                      // mask too long
  CHECK(status({0x01, 0x03, 0x01, 0x00}) == corrupt);  // mask of zeros
  CHECK(status({0x01, 0x03, 0x03, 0x00, 0x02, 0x00, 0x01, 0x05}) ==
        corrupt);                                                          // nested sparse
  CHECK(decode_planes(Dtype::u8, {0x01, 0x01, 0x07}, {}, 10) == corrupt);  // no base
  CHECK(decode_planes(Dtype::u8, {0x00, 0x01, 0x07}, {}, 10) == Status::ok);
  CHECK(decode_planes(Dtype::u8, {0x00}, {}, 0) == Status::ok);
  CHECK(decode_planes(Dtype::u8, {}, {}, 0) == corrupt);
}

TEST_CASE("planes codec: refuses every proper prefix, survives every bit flip") {
  std::mt19937 random(10);
  for (const Dtype dtype : {Dtype::i8, Dtype::f32, Dtype::q4_k}) {
    const Bytes base = planes_noise(random, 1500);
    const Bytes coded = pack::encode_planes(dtype, base, changed(random, base, 20), 19);
    for (size_t size = 0; size < coded.size(); ++size) {
      const Bytes prefix(coded.begin(), coded.begin() + static_cast<ptrdiff_t>(size));
      REQUIRE(decode_planes(dtype, prefix, base, base.size()) == Status::corrupt_data);
    }
    for (size_t bit = 0; bit < 8 * coded.size(); ++bit) {
      Bytes flipped = coded;
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
      const Status status = decode_planes(dtype, flipped, base, base.size());
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
    }
  }
}
