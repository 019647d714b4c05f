// BitCost: what models would cost, against what RangeEncoder makes of the same.
#include "mallorn-pack/bit_cost.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/residual_model.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Calls code(coder) with both coders, and compares; `slack` is in bytes.
template <typename Code>
void check(const Code& code, size_t slack = 4) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  code(encoder);
  encoder.finish();
  pack::BitCost cost;
  code(cost);
  CHECK(cost.bytes() <= coded.size() * 101 / 100 + slack);
  CHECK(coded.size() <= cost.bytes() * 101 / 100 + slack);
}

}  // namespace

TEST_CASE("bit cost: agrees with the encoder, under any fixed probability") {
  for (uint32_t p16 = 256; p16 < 65536; p16 += 1621) {
    CAPTURE(p16);
    check([&](auto& coder) {
      test::Random random(61);
      for (int i = 0; i < 40000; ++i) {
        coder.code(p16, random.below(65536) < p16 ? 1 : 0);
      }
    });
  }
}

TEST_CASE("bit cost: agrees with the encoder for several bits at once") {
  for (uint32_t count = 1; count <= 16; ++count) {
    check([&](auto& coder) {
      test::Random random(62);
      for (int i = 0; i < 5000; ++i) {
        coder.code_bits(static_cast<uint32_t>(random.below(1u << count)), count);
      }
    });
  }
}

TEST_CASE("bit cost: agrees with the encoder for what models say") {
  for (const uint64_t rarity : {2, 7, 40}) {
    CAPTURE(rarity);
    check([&](auto& coder) {
      test::Random random(63);
      const auto model = std::make_unique<ResidualModel>();
      Spread spread;
      for (int i = 0; i < 20000; ++i) {
        const auto residual = static_cast<int64_t>(random.below(200)) - 100;
        (void)model->code(coder, random.chance(rarity) ? residual : 0, 0, 4, &spread);
      }
    });
    check([&](auto& coder) {
      test::Random random(64);
      const auto model = std::make_unique<NumberModel>();
      for (int i = 0; i < 20000; ++i)
        (void)model->code(coder, random.below(rarity * rarity));
    });
  }
}

TEST_CASE("bit cost: gives back what it is given, and grows with what is unlikely") {
  pack::BitCost cost;
  CHECK(cost.cost() == 0);
  CHECK(cost.bytes() == 0);
  CHECK(cost.code(32768, 1) == 1);
  CHECK(cost.code(32768, 0) == 0);
  CHECK(cost.code_bits(5, 3) == 5);
  // Of probabilities, the middle of sixteen is taken.
  CHECK(cost.cost() >= 5 * 1024 - 2);
  CHECK(cost.cost() <= 5 * 1024 + 2);
  CHECK(cost.bytes() == 1);
  uint64_t before = UINT64_MAX;
  for (uint32_t p16 = 1; p16 < 65536; ++p16) {
    pack::BitCost one;
    one.code(p16, 1);
    REQUIRE(one.cost() <= before);
    REQUIRE(one.cost() > 0);
    before = one.cost();
  }
}
