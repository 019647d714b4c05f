// FloatModel: floats come back, and one that has neither gain nor shift is coded in the
// same way whether the loop knows that beforehand or not.
#include "libcommon/core/float_model.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

constexpr uint32_t kColumns = 37;
constexpr uint32_t kRows = 60;

struct Models {
  FloatModel floats;
  MatrixSpread spread;

  template <Dtype dtype, typename Coder, typename MoveAt>
  void code(Coder& coder, const MoveAt& move_at, const Bytes& base, Bytes* values) {
    const size_t row_bytes = kColumns * value_type_of(dtype).bytes;
    spread.begin_matrix(kColumns, kColumns * kRows);
    for (uint32_t row = 0; row < kRows; ++row) {
      spread.begin_row(row);
      floats.code_row<dtype>(coder, &spread, move_at, kColumns,
                             base.data() + row * row_bytes,
                             values->data() + row * row_bytes);
    }
  }
};

template <Dtype dtype, typename MoveAt>
Bytes check_round_trip(const MoveAt& move_at, const Bytes& base, const Bytes& values) {
  Bytes coded;
  Bytes coder_values = values;
  pack::RangeEncoder encoder(coded);
  std::make_unique<Models>()->code<dtype>(encoder, move_at, base, &coder_values);
  encoder.finish();
  REQUIRE(coder_values == values);
  Bytes decoded(values.size());
  apply::RangeDecoder decoder(coded);
  std::make_unique<Models>()->code<dtype>(decoder, move_at, base, &decoded);
  REQUIRE(decoder.status() == Status::ok);
  REQUIRE(decoded == values);
  return coded;
}

// Of all kinds and sizes; the new ones mostly near the old ones, or these.
template <Dtype dtype>
void fill(test::Random& random, Bytes* base, Bytes* values) {
  constexpr ValueType type = value_type_of(dtype);
  const uint64_t infinity = type.format.infinity();
  for (size_t at = 0; at < base->size(); at += type.bytes) {
    const uint64_t kinds[] = {0, type.format.sign(),    infinity, infinity + 1,
                              1, type.format.sign() + 3};
    const uint64_t old =
        random.chance(8) ? kinds[random.below(std::size(kinds))] : random();
    uint64_t bits = random.chance(3) ? old : old + random.below(64);
    if (random.chance(50)) bits = random();
    store_bits(type, base->data() + at, old);
    store_bits(type, values->data() + at, bits);
  }
}

template <Dtype dtype>
void check() {
  test::Random random = test::seeded("float model");
  const size_t bytes = kColumns * kRows * value_type_of(dtype).bytes;
  for (int round = 0; round < 20; ++round) {
    Bytes base(bytes);
    Bytes values(bytes);
    fill<dtype>(random, &base, &values);
    const auto stays = [](uint32_t) { return FloatMove{1 << kFloatGainBits, 0, 7}; };
    const auto moves = [&](uint32_t column) {
      return FloatMove{3000 + 71 * static_cast<int32_t>(column),
                       static_cast<int32_t>(column % 5) * -1000, round};
    };
    CHECK(check_round_trip<dtype>(FloatModel::NoMoves(), base, values) ==
          check_round_trip<dtype>(stays, base, values));
    check_round_trip<dtype>(moves, base, values);
  }
}

}  // namespace

TEST_CASE("float model: floats that only might move are coded as those that do not") {
  check<Dtype::f16>();
  check<Dtype::bf16>();
  check<Dtype::f32>();
}
