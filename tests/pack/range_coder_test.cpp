// The range encoder against the decoder of mallorn-apply.
#include <doctest/doctest.h>

#include <algorithm>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct Bit {
  uint32_t p16;
  uint32_t bit;
};

// Bits under a probability, or several of none; p16 0 stands for these.
struct Symbol {
  uint32_t p16;
  uint32_t bits;
  uint32_t count;
};

template <typename Coder>
uint32_t code(Coder& coder, const Symbol& symbol, uint32_t bits) {
  return symbol.p16 != 0 ? coder.code(symbol.p16, bits)
                         : coder.code_bits(bits, symbol.count);
}

Bytes encode(const std::vector<Bit>& bits) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  for (const Bit& bit : bits) REQUIRE(encoder.code(bit.p16, bit.bit) == bit.bit);
  encoder.finish();
  return coded;
}

// True if `coded` yields `bits` and is accepted.
bool decodes(const Bytes& coded, const std::vector<Bit>& bits) {
  apply::RangeDecoder decoder(coded);
  bool is_same = true;
  for (const Bit& bit : bits) is_same = decoder.code(bit.p16, 0) == bit.bit && is_same;
  return is_same && decoder.status() == Status::ok;
}

std::vector<Bit> random_bits(test::Random& random, size_t count, uint32_t kind) {
  std::vector<Bit> bits;
  for (size_t i = 0; i < count; ++i) {
    const auto p16 = static_cast<uint32_t>(kind == 0   ? 1 + random.below(65535)
                                           : kind == 1 ? 65535
                                           : kind == 2 ? 1
                                                       : 32768);
    const uint32_t likely = random.below(65536) < p16 ? 1 : 0;
    bits.push_back({p16, kind == 3 ? static_cast<uint32_t>(random.below(2)) : likely});
  }
  return bits;
}

Bytes check_symbols(const std::vector<Symbol>& symbols) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  std::vector<size_t> bytes;
  for (const Symbol& symbol : symbols) {
    REQUIRE(code(encoder, symbol, symbol.bits) == symbol.bits);
    bytes.push_back(encoder.bytes());
  }
  encoder.finish();
  apply::RangeDecoder decoder(coded);
  for (size_t i = 0; i < symbols.size(); ++i) {
    REQUIRE(code(decoder, symbols[i], 0xFFFFFFFF) == symbols[i].bits);
    REQUIRE(coded.size() - decoder.left() == std::min(bytes[i], coded.size()));
  }
  REQUIRE(decoder.status() == Status::ok);
  return coded;
}

// All ones and all zeros, which make carries, as often as others.
Symbol random_symbol(test::Random& random) {
  const bool is_one = random.chance(2);
  if (random.chance(2)) {
    constexpr uint32_t kProbabilities[] = {1, 32, 65504, 65535, 32768};
    return {kProbabilities[random.below(std::size(kProbabilities))], is_one ? 1u : 0u, 1};
  }
  const auto count = static_cast<uint32_t>(random.below(33));
  const auto ones = static_cast<uint32_t>((uint64_t{1} << count) - 1);
  if (random.chance(2)) return {0, is_one ? ones : 0, count};
  return {0, static_cast<uint32_t>(random()) & ones, count};
}

}  // namespace

TEST_CASE("range coder: bits of any probability come back, for every count from none") {
  test::Random random = test::seeded("range coder");
  for (size_t count = 0; count < 400; ++count) {
    for (uint32_t kind = 0; kind < 4; ++kind) {
      const std::vector<Bit> bits = random_bits(random, count, kind);
      REQUIRE(decodes(encode(bits), bits));
    }
  }
}

TEST_CASE("range decoder: without branches bits come out the same, one after the other") {
  test::Random random = test::seeded("range decoder, parts");
  for (size_t count = 0; count < 400; ++count) {
    for (uint32_t kind = 0; kind < 4; ++kind) {
      const std::vector<Bit> bits = random_bits(random, count, kind);
      const Bytes coded = encode(bits);
      apply::RangeDecoder decoder(coded);
      for (const Bit& bit : bits) {
        REQUIRE((random.chance(2) ? decoder.code(bit.p16, 0)
                                  : decoder.code_part(bit.p16, 0)) == bit.bit);
      }
      REQUIRE(decoder.status() == Status::ok);
    }
  }
}

TEST_CASE("range decoder: without branches damaged data reads the same as with them") {
  test::Random random = test::seeded("range decoder, damaged parts");
  for (int round = 0; round < 300; ++round) {
    const Bytes coded = random.bytes(random.below(100));
    apply::RangeDecoder parts(coded);
    apply::RangeDecoder branches(coded);
    for (int i = 0; i < 1000; ++i) {
      const auto p16 = static_cast<uint32_t>(1 + random.below(65535));
      const uint32_t bit = branches.code(p16, 0);
      REQUIRE(parts.code_part(p16, 0) == bit);
      REQUIRE(parts.left() == branches.left());
    }
    REQUIRE(parts.status() == branches.status());
  }
}

TEST_CASE("range coder: unlikely bits come back, carries included") {
  test::Random random = test::seeded("range coder, unlikely");
  for (int round = 0; round < 300; ++round) {
    std::vector<Bit> bits;
    for (uint64_t i = random.below(300); i > 0; --i) {
      const bool is_high = random.chance(2);
      bits.push_back({is_high ? 65535u : 1u, random.chance(3) != is_high ? 1u : 0u});
    }
    REQUIRE(decodes(encode(bits), bits));
  }
  for (const uint32_t bit : {0u, 1u}) {
    for (const uint32_t p16 : {1u, 65535u}) {
      const std::vector<Bit> bits(5000, {p16, bit});
      REQUIRE(decodes(encode(bits), bits));
    }
  }
}

TEST_CASE("range coder: costs what the probabilities say") {
  test::Random random(11);
  CHECK(encode({}).empty());
  CHECK(encode({{32768, 1}}).empty());  // all zeros say it
  CHECK(encode({{32768, 0}}) == Bytes{0x80});
  CHECK(encode(random_bits(random, 8000, 3)).size() <= 1002);
  CHECK(encode(random_bits(random, 8000, 3)).size() >= 998);
  CHECK(encode(std::vector<Bit>(8000, {65535, 1})).size() <= 2);
  CHECK(encode(std::vector<Bit>(8000, {49152, 1})).size() <= 417);  // 0.415 bits each
}

TEST_CASE("range coder: bits as they are, up to 32 at once, come back among others") {
  test::Random random = test::seeded("range coder, several bits");
  for (int round = 0; round < 600; ++round) {
    std::vector<Symbol> symbols;
    for (uint64_t i = random.below(300); i > 0; --i) {
      symbols.push_back(random_symbol(random));
    }
    check_symbols(symbols);
  }
  for (uint32_t count = 0; count <= 32; ++count) {
    const auto ones = static_cast<uint32_t>((uint64_t{1} << count) - 1);
    for (const uint32_t bits : {0u, 1u & ones, ones / 2, ones & ~1u, ones}) {
      check_symbols(std::vector<Symbol>(700, {0, bits, count}));
      check_symbols({{0, bits, count}});
    }
  }
}

TEST_CASE("range coder: bits as they are cost as many, in any number") {
  test::Random random(14);
  for (uint32_t count = 0; count <= 32; ++count) {
    CAPTURE(count);
    std::vector<Symbol> symbols;
    for (int i = 0; i < 8000; ++i) {
      const uint64_t ones = (uint64_t{1} << count) - 1;
      symbols.push_back({0, static_cast<uint32_t>(random() & ones), count});
    }
    CHECK(check_symbols(symbols).size() <= 1000 * count + 1);
  }
}

TEST_CASE("range decoder: any bytes make bits that fit their count") {
  test::Random random = test::seeded("range decoder, several bits");
  for (int round = 0; round < 300; ++round) {
    const Bytes coded = round % 3 == 0 ? Bytes(400, 0xFF) : random.bytes(random.below(400));
    apply::RangeDecoder decoder(coded);
    for (int i = 0; i < 600; ++i) {
      const Symbol symbol = random_symbol(random);
      const uint32_t bits = code(decoder, symbol, 0);
      const uint32_t count = symbol.p16 != 0 ? 1 : symbol.count;
      REQUIRE(bits < (uint64_t{1} << count));
    }
  }
}

TEST_CASE("range coder: what is written before it stays in front") {
  Bytes out = {1, 0, 0};
  pack::RangeEncoder nothing(out);
  nothing.finish();
  CHECK(Bytes(out.begin(), out.begin() + 3) == Bytes{1, 0, 0});
  CHECK(out.size() <= 4);
}

TEST_CASE("range decoder: more than the encoder wrote is refused") {
  test::Random random(12);
  for (const size_t count : {size_t{0}, size_t{1}, size_t{100}, size_t{3000}}) {
    const std::vector<Bit> bits = random_bits(random, count, 3);
    Bytes coded = encode(bits);
    coded.insert(coded.end(), 9, 0);
    CHECK_FALSE(decodes(coded, bits));
  }
}

TEST_CASE("range decoder: much less than the encoder wrote is refused") {
  test::Random random(13);
  const std::vector<Bit> bits = random_bits(random, 3000, 3);
  const Bytes coded = encode(bits);
  for (size_t length = 0; length + 9 < coded.size(); ++length) {
    apply::RangeDecoder decoder(ByteView(coded).first(length));
    for (const Bit& bit : bits) (void)decoder.code(bit.p16, 0);
    REQUIRE(decoder.status() == Status::corrupt_data);
  }
}
