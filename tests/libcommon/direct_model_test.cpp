// DirectCodeModel and DirectFloatModel: a decoder follows its encoder, and whatever it is
// given, what it makes fits the format.
#include "libcommon/core/direct_model.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Takes bits for granted and remembers what they were expected to be.
struct Witness {
  std::vector<uint32_t> probabilities;

  uint32_t code(uint32_t p16, uint32_t bit) {
    probabilities.push_back(p16);
    return bit;
  }
};

// Codes numbers with one model, decodes them with another.
template <typename Model, typename Code>
Bytes check_round_trip(const std::vector<int64_t>& numbers, const Code& code) {
  Bytes coded;
  auto model = std::make_unique<Model>();
  pack::RangeEncoder encoder(coded);
  for (const int64_t number : numbers) REQUIRE(code(*model, encoder, number) == number);
  encoder.finish();
  model = std::make_unique<Model>();
  apply::RangeDecoder decoder(coded);
  for (const int64_t number : numbers) REQUIRE(code(*model, decoder, 0) == number);
  REQUIRE(decoder.status() == Status::ok);
  return coded;
}

Bytes check_codes(const std::vector<int64_t>& numbers, bool is_sparse) {
  return check_round_trip<DirectCodeModel>(
      numbers, [&](DirectCodeModel& model, auto& coder, int64_t number) -> int64_t {
        const auto code = static_cast<int32_t>(number);
        return is_sparse ? model.code_sparse(coder, code) : model.code(coder, code);
      });
}

uint32_t greatest_of(FloatFormat format, const std::vector<int64_t>& orders) {
  int32_t greatest = 0;
  for (const int64_t order : orders) {
    greatest = std::max(greatest, exponent_at(format, order));
  }
  return static_cast<uint32_t>(greatest);
}

Bytes check_floats(FloatFormat format, const std::vector<int64_t>& orders,
                   uint32_t greatest) {
  return check_round_trip<DirectFloatModel>(
      orders, [&](DirectFloatModel& model, auto& coder, int64_t order) {
        return model.code(coder, format, greatest, order);
      });
}

// Answers with any bits.
struct Noise {
  test::Random random{5};

  uint32_t code(uint32_t p16, uint32_t) { return random.below(65536) < p16 ? 1 : 0; }
  uint32_t code_bits(uint32_t, uint32_t count) {
    REQUIRE(count >= 1);
    REQUIRE(count <= 16);
    return static_cast<uint32_t>(random.below(uint64_t{1} << count));
  }
};

}  // namespace

TEST_CASE("fast tree model: asks what a tree model asks, and learns what it learns") {
  test::Random random = test::seeded("fast tree model");
  for (const uint32_t limit : {30u, 126u}) {
    TreeModel<5> tree;
    FastTreeModel<5> fast;
    for (int i = 0; i < 4000; ++i) {
      // Some again and again: probabilities get as far as they can.
      const auto symbol = static_cast<uint32_t>(random.below(i > 2000 ? 2 : 32));
      Witness of_tree;
      Witness of_fast;
      REQUIRE(tree.code(of_tree, symbol, limit) == symbol);
      REQUIRE(fast.code(of_fast, symbol, limit) == symbol);
      REQUIRE(of_fast.probabilities == of_tree.probabilities);
    }
  }
}

TEST_CASE("direct codes: every number, densely and sparsely") {
  test::Random random = test::seeded("direct codes");
  std::vector<int64_t> numbers;
  for (int64_t number = -128; number < 128; ++number) numbers.push_back(number);
  for (int i = 0; i < 3000; ++i) {
    numbers.push_back(random.chance(3) ? static_cast<int64_t>(random.below(256)) - 128 : 0);
  }
  for (const bool is_sparse : {false, true}) {
    check_codes({}, is_sparse);
    check_codes(numbers, is_sparse);
    check_codes({-128}, is_sparse);
    check_codes({127}, is_sparse);
  }
}

TEST_CASE("direct codes: zeros in runs are cheaper sparsely, frequent numbers cheap") {
  test::Random random(43);
  std::vector<int64_t> numbers;
  for (int run = 0; run < 60; ++run) {
    for (int i = 0; i < 50; ++i) {
      numbers.push_back(run % 2 == 0 ? 0 : static_cast<int64_t>(random.below(256)) - 128);
    }
  }
  const size_t sparse = check_codes(numbers, true).size();
  CHECK(sparse < check_codes(numbers, false).size());
  CHECK(sparse < 1500 * 11 / 10);
  CHECK(check_codes(std::vector<int64_t>(5000, -3), false).size() < 40);
  CHECK(check_codes(std::vector<int64_t>(5000, 0), true).size() < 10);
}

TEST_CASE("direct floats: every half and every bfloat16") {
  for (const FloatFormat format : {kF16, kBf16}) {
    std::vector<int64_t> orders;
    for (uint64_t i = 0; i < 65536; ++i) {
      orders.push_back(to_order(format, i * 40503 % 65536));  // in no order
    }
    const Bytes coded = check_floats(format, orders, greatest_of(format, orders));
    CHECK(coded.size() < 65536 * 2 * 103 / 100);
  }
}

TEST_CASE("direct floats: any floats, whatever the greatest exponent leaves") {
  test::Random random = test::seeded("direct floats");
  for (const FloatFormat format : {kF16, kBf16, kF32, kF64}) {
    const auto field_most =
        static_cast<uint32_t>(format.infinity() >> format.mantissa_bits);
    for (int round = 0; round < 30; ++round) {
      std::vector<int64_t> orders;
      for (uint64_t i = random.below(300); i > 0; --i) {
        const uint64_t bits = random() >> (64 - format.bits);
        const uint64_t small =
            bits & (format.sign() | ((2ull << format.mantissa_bits) - 1));
        orders.push_back(to_order(format, round % 2 == 0 ? bits : small));
      }
      check_floats(format, orders, greatest_of(format, orders));
      check_floats(format, orders, field_most);  // more than needed
    }
  }
}

TEST_CASE("direct floats: those of one exponent cost their mantissas and signs") {
  test::Random random(44);
  std::vector<int64_t> orders;
  for (int i = 0; i < 4000; ++i) {
    const uint64_t sign = random.chance(2) ? kF32.sign() : 0;
    orders.push_back(to_order(kF32, sign | 0x3F800000 | (random() & 0x7FFFFF)));
  }
  CHECK(check_floats(kF32, orders, greatest_of(kF32, orders)).size() < 3000 * 4 + 60);
}

TEST_CASE("direct models: any bits make numbers that fit") {
  Noise noise;
  for (int round = 0; round < 40; ++round) {
    const auto codes = std::make_unique<DirectCodeModel>();
    const auto floats = std::make_unique<DirectFloatModel>();
    for (int i = 0; i < 500; ++i) {
      const int32_t code = codes->code(noise, 0);
      REQUIRE(code >= -128);
      REQUIRE(code <= 127);
      const int32_t sparse = codes->code_sparse(noise, 0);
      REQUIRE(sparse >= -128);
      REQUIRE(sparse <= 128);  // 128: as -128, modulo 256
    }
    for (const FloatFormat format : {kF16, kBf16, kF32, kF64}) {
      const auto fields = static_cast<uint32_t>(format.infinity() >> format.mantissa_bits);
      const auto greatest = static_cast<uint32_t>(noise.random.below(fields + 1));
      for (int i = 0; i < 300; ++i) {
        const int64_t order = floats->code(noise, format, greatest, 0);
        REQUIRE(exponent_at(format, order) <= static_cast<int32_t>(greatest));
        REQUIRE(to_order(format, from_order(format, order)) == order);
      }
    }
  }
}
