// Codec 1: round trips, and what its decoder refuses.
#include "libcommon/zstd_encoder.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "mallorn-apply/zstd_decoder.hpp"

using namespace mallorn;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes words(std::mt19937& random, size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 7 * (random() % 5));
  return bytes;
}

Status decode_zstd(const Bytes& coded, size_t size) {
  Bytes result(size);
  return apply::decode_zstd(coded, result);
}

// One zstd block: its header, then `body`.
Bytes block(bool is_last, uint32_t type, uint32_t size, const Bytes& body) {
  const uint32_t header = uint32_t{is_last} | type << 1 | size << 3;
  Bytes bytes = {static_cast<uint8_t>(header), static_cast<uint8_t>(header >> 8),
                 static_cast<uint8_t>(header >> 16)};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

constexpr uint32_t kRaw = 0, kRle = 1, kReserved = 3;

}  // namespace

TEST_CASE("zstd: round trips at all levels and lengths, twice alike") {
  std::mt19937 random(3);
  for (const int level : {1, 3, 9, 19}) {
    for (const size_t size : {0, 1, 2, 100, 5000, 131072, 131073, 400000}) {
      CAPTURE(level);
      CAPTURE(size);
      const Bytes result = words(random, size);
      const Bytes coded = encode_zstd(result, level);
      CHECK(coded == encode_zstd(result, level));
      CHECK(coded.size() <= size + 3 + 3 * (size >> 17));
      Bytes decoded(size);
      REQUIRE(apply::decode_zstd(coded, decoded) == Status::ok);
      CHECK(decoded == result);
    }
  }
}

TEST_CASE("zstd: the smallest of several levels is never larger at a higher one") {
  std::mt19937 random(9);
  for (const size_t longest : {8, 60, 500}) {
    CAPTURE(longest);
    Bytes result;
    while (result.size() < 100000) {
      const auto pair = random() % 50;
      for (size_t count = 1 + random() % longest; count > 0; --count) {
        result.push_back(static_cast<uint8_t>(pair));
        result.push_back(static_cast<uint8_t>(3 * pair));
      }
    }
    ZstdEncoder encoder;
    size_t before = SIZE_MAX;
    for (const int level : {1, 3, 9, 19}) {
      CAPTURE(level);
      const Bytes coded = encoder.encode_smallest(result, level);
      CHECK(coded.size() <= encoder.encode(result, level).size());
      CHECK(decode_zstd(coded, result.size()) == Status::ok);
      CHECK(coded.size() <= before);
      before = coded.size();
    }
  }
}

TEST_CASE("zstd: frequencies alone round trip at all block sizes") {
  std::mt19937 random(4);
  const Bytes result = words(random, 100000);
  ZstdEncoder encoder;
  apply::ZstdDecoder decoder;
  for (int block_log = 10; block_log <= 17; ++block_log) {
    Bytes decoded(result.size());
    REQUIRE(decoder.decode(encoder.encode_frequencies(result, block_log), decoded) ==
            Status::ok);
    CHECK(decoded == result);
  }
  CHECK(encoder.encode_frequencies({}, 14).empty());
}

TEST_CASE("zstd: the worked example of the specification") {
  const Bytes coded = {0x1B, 0x00, 0x00, 0x61};
  Bytes decoded(3);
  REQUIRE(apply::decode_zstd(coded, decoded) == Status::ok);
  CHECK(decoded == Bytes{0x61, 0x61, 0x61});
}

TEST_CASE("zstd: refuses a result of another length") {
  const Bytes coded = encode_zstd(Bytes(1000, 7), 3);
  CHECK(decode_zstd(coded, 1000) == Status::ok);
  CHECK(decode_zstd(coded, 999) == Status::corrupt_data);
  CHECK(decode_zstd(coded, 1001) == Status::corrupt_data);
  CHECK(decode_zstd(coded, 0) == Status::corrupt_data);
  CHECK(decode_zstd({}, 1) == Status::corrupt_data);
  CHECK(decode_zstd({}, 0) == Status::ok);
}

TEST_CASE("zstd: refuses every proper prefix and anything after the last block") {
  std::mt19937 random(5);
  const Bytes result = words(random, 3000);
  Bytes coded = encode_zstd(result, 3);
  for (size_t size = 0; size < coded.size(); ++size) {
    CHECK(decode_zstd(Bytes(coded.begin(), coded.begin() + static_cast<ptrdiff_t>(size)),
                      3000) == Status::corrupt_data);
  }
  coded.push_back(0);
  CHECK(decode_zstd(coded, 3000) == Status::corrupt_data);
}

TEST_CASE("zstd: refuses a second frame, a bomb and a reserved block") {
  const Bytes good = block(true, kRaw, 1, {9});
  Bytes two = good;
  two.insert(two.end(), {0x00, 0x50});
  two.insert(two.end(), good.begin(), good.end());
  CHECK(decode_zstd(good, 1) == Status::ok);
  CHECK(decode_zstd(two, 2) == Status::corrupt_data);
  Bytes bomb;
  for (int i = 0; i < 1000; ++i) {
    const Bytes one = block(i == 999, kRle, 131072, {0});
    bomb.insert(bomb.end(), one.begin(), one.end());
  }
  CHECK(decode_zstd(bomb, 1000) == Status::corrupt_data);
  CHECK(decode_zstd(bomb, 131072) == Status::corrupt_data);
  CHECK(decode_zstd(block(true, kRle, 131073, {0}), 131073) == Status::corrupt_data);
  CHECK(decode_zstd(block(true, kReserved, 1, {0}), 1) == Status::corrupt_data);
}

TEST_CASE("zstd: no bit flip reaches beyond the result") {
  std::mt19937 random(6);
  const Bytes result = words(random, 500);
  const Bytes coded = encode_zstd(result, 19);
  for (size_t bit = 0; bit < 8 * coded.size(); ++bit) {
    Bytes flipped = coded;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    const Status status = decode_zstd(flipped, result.size());
    CHECK((status == Status::ok || status == Status::corrupt_data));
  }
}
