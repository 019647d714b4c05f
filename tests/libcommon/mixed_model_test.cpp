// MixedModel and what it is made of: numbers keep the order of elements, the law is one, a
// decoder follows its encoder, and no head that is wrong is taken.
#include "libcommon/core/mixed_model.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <memory>
#include <string>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

ValueType type_of(Dtype dtype) {
  ValueType type;
  REQUIRE(mixed_type(dtype, &type));
  return type;
}

// A piece of whole rows.
MixedPiece piece_of(const ValueType& type, const Bytes& values, uint64_t row,
                    uint64_t channels, MixedMethod method = MixedMethod::dense) {
  MixedPiece piece;
  piece.elements = values.size() / type.bytes;
  piece.method = method;
  piece.row = row;
  piece.channels = channels;
  if (type.kind == ValueKind::floating) {
    piece.greatest = static_cast<uint32_t>(
        (type.format.infinity() >> type.format.mantissa_bits) / 2 - 1);
  }
  return piece;
}

template <typename Coder>
void code(Coder& coder, MixedModel& model, const ValueType& type, MixedPiece piece,
          const Bytes& base, Bytes* values) {
  REQUIRE(model.code_head(coder, type, !base.empty(), values->size(), &piece));
  model.begin_piece(type, piece);
  for (uint64_t i = 0; i < piece.elements; ++i) {
    model.code_element(coder, type, piece, i, base.data(), values->data());
  }
}

// Codes pieces with one model and decodes them with another.
Bytes check_round_trip(Dtype dtype, const std::vector<MixedPiece>& pieces,
                       const Bytes& base, const Bytes& values) {
  const ValueType type = type_of(dtype);
  Bytes coded;
  auto model = std::make_unique<MixedModel>();
  pack::RangeEncoder encoder(coded);
  for (const MixedPiece& piece : pieces) {
    Bytes same = values;
    code(encoder, *model, type, piece, base, &same);
    REQUIRE(same == values);
  }
  encoder.finish();
  model = std::make_unique<MixedModel>();
  apply::RangeDecoder decoder(coded);
  for (size_t i = 0; i < pieces.size(); ++i) {
    Bytes decoded(values.size(), 0xA5);
    code(decoder, *model, type, {}, base, &decoded);
    REQUIRE(decoded == values);
  }
  REQUIRE(decoder.status() == Status::ok);
  return coded;
}

Bytes sparse_codes(test::Random& random, size_t count) {
  Bytes made(count);
  for (uint8_t& byte : made) {
    byte = random.chance(5) ? static_cast<uint8_t>(random.below(20)) : uint8_t{3};
  }
  return made;
}

}  // namespace

TEST_CASE("mixed numbers: places are those of the order, and lead back") {
  for (const Dtype dtype :
       {Dtype::i8, Dtype::u8, Dtype::i16, Dtype::u16, Dtype::f16, Dtype::bf16}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = type_of(dtype);
    const int32_t zero = type.kind == ValueKind::code ? 7 : 0;
    const MixedNumbers numbers(type, zero, 20);
    uint8_t bytes[4] = {};
    for (uint64_t place = 0; place < numbers.places(); ++place) {
      numbers.store(bytes, place);
      REQUIRE(numbers.place(bytes) == place);
      const int64_t number = numbers.number(place);
      REQUIRE(number <= MixedNumbers::kMost);
      REQUIRE(number >= -MixedNumbers::kMost);
      REQUIRE(numbers.bound(place) <= number);
      if (place > 0) {
        REQUIRE(numbers.bound(place) >= numbers.number(place - 1));
        REQUIRE(numbers.bound(place) >= numbers.bound(place - 1));
      }
    }
  }
}

TEST_CASE("mixed numbers: the unit of floats is that of the greatest exponent") {
  const MixedNumbers numbers(type_of(Dtype::f32), 0, 127);
  const auto number = [&](float value) {
    uint8_t bytes[4];
    store_le(bytes, std::bit_cast<uint32_t>(value));
    return numbers.number(numbers.place(bytes));
  };
  CHECK(number(1.0f) == 1 << 29);
  CHECK(number(-1.5f) == -(3 << 28));
  CHECK(number(0.25f) == 1 << 27);
  CHECK(number(2.0f) == MixedNumbers::kMost - 1);
  CHECK(number(-1e30f) == 1 - MixedNumbers::kMost);
  CHECK(number(-0.0f) == 0);
  CHECK(number(1e-30f) == 0);
}

TEST_CASE("mixed numbers: neither halves of numbers nor numbers of eight bytes") {
  ValueType type;
  for (const Dtype dtype : {Dtype::i64, Dtype::u64, Dtype::f64, Dtype::i4, Dtype::opaque}) {
    CHECK_FALSE(mixed_type(dtype, &type));
  }
}

TEST_CASE("normal law: grows, is even, and knows its quarters") {
  const NormalLaw law(1000, 1 << 20);
  int64_t last = law.below(-MixedNumbers::kMost);
  for (int64_t bound = -MixedNumbers::kMost; bound <= MixedNumbers::kMost; bound += 7777) {
    REQUIRE(law.below(bound) >= last);
    last = law.below(bound);
  }
  CHECK(law.below(1000) == 0);
  // Half of all deviate by less than 0.8453 of the mean deviation.
  const auto half = static_cast<int64_t>(0.8453 * (1 << 20));
  CHECK(std::abs(law.below(1000 + half) - (1 << 22)) < 8000);
  CHECK(std::abs(law.below(1000 - half) + (1 << 22)) < 8000);
  CHECK(share_above(law.below(-MixedNumbers::kMost), 0, law.below(MixedNumbers::kMost)) ==
        2048);
  CHECK(share_above(5, 5, 5) == 2048);
  CHECK(share_above(0, 0, 1 << 24) < 4096);
}

TEST_CASE("normal law: any deviation, any bound") {
  test::Random random = test::seeded("normal law");
  const auto number = [&] {
    return static_cast<int64_t>(random.below(2ull * MixedNumbers::kMost + 1)) -
           MixedNumbers::kMost;
  };
  for (int round = 0; round < 20000; ++round) {
    const int64_t expected = random.chance(4) ? MixedNumbers::kMost : number();
    const NormalLaw law(expected, random.below(1ull << random.below(31)));
    int64_t bounds[3] = {number(), number(), number()};
    std::sort(std::begin(bounds), std::end(bounds));
    REQUIRE(share_above(law.below(bounds[0]), law.below(bounds[1]), law.below(bounds[2])) <
            4096);
  }
}

TEST_CASE("mixer: believes whoever has been right, within bounds") {
  Mixer mixer;
  const MixedInputs inputs = {-300, 0, 400, 0, 0};  // the third knows
  CHECK(mixer.mix(inputs) < 0);
  for (int i = 0; i < 20000; ++i) mixer.learn(inputs, mixer.mix(inputs), 1);
  CHECK(mixer.mix(inputs) > 1000);
  // Whatever comes, weights and their sums stay within their types.
  test::Random random = test::seeded("mixer");
  for (int i = 0; i < 200000; ++i) {
    MixedInputs any;
    for (int32_t& input : any) input = static_cast<int32_t>(random.below(4095)) - 2047;
    if (i < 100000) any = {2047, -2047, 2047, -2047, 2047};
    mixer.learn(any, i < 100000 ? -2047 : mixer.mix(any), 1);
    REQUIRE(std::abs(mixer.mix(any)) <= kMaxStretch);
  }
}

TEST_CASE("refiner: begins as squash, and learns what a stretch has come to mean") {
  Refiner refiner;
  for (int32_t x = -kMaxStretch; x <= kMaxStretch; x += 3) {
    REQUIRE(std::abs(refiner.refine(x) - squash(x)) <= 1);
  }
  for (int i = 0; i < 2000; ++i) refiner.learn(kMaxStretch, 0);
  for (int i = 0; i < 2000; ++i) refiner.learn(-kMaxStretch, 1);
  CHECK(refiner.refine(kMaxStretch) < 700);
  CHECK(refiner.refine(-kMaxStretch) > 64000);
}

TEST_CASE("mixed model: any elements, sources and shapes come back") {
  test::Random random = test::seeded("mixed model");
  for (const Dtype dtype : test::kValueDtypes) {
    ValueType type;
    if (!mixed_type(dtype, &type)) continue;
    CAPTURE(std::string(dtype_layout(dtype).name));
    for (int round = 0; round < 6; ++round) {
      const Bytes values = test::any_elements(random, type, 1 + random.below(400));
      const Bytes base =
          random.chance(2) ? Bytes() : test::moved(random, type, values, 100);
      MixedPiece piece = piece_of(type, values, 1, 1);
      piece.row = 1 + random.below(piece.elements);
      piece.channels = 1 + random.below(piece.row);
      piece.mean = static_cast<int32_t>(random.below(131073)) - 65536;
      if (random.chance(2)) piece.method = MixedMethod::sparse;
      piece.source_count = static_cast<uint32_t>(random.below(kMaxMixedSources + 1));
      for (uint32_t i = 0; i < piece.source_count; ++i) {
        MixedSource& source = piece.sources[i];
        source.axis = static_cast<MixedAxis>(random.below(base.empty() ? 3 : 4));
        source.distance = 1;
        source.weight =
            static_cast<int32_t>(random.below(2 * kMaxMixedWeight + 1)) - kMaxMixedWeight;
      }
      check_round_trip(dtype, {piece, piece}, base, values);
    }
  }
}

TEST_CASE("mixed model: no head that is wrong is taken from any bytes") {
  test::Random random = test::seeded("mixed model heads");
  const auto model = std::make_unique<MixedModel>();
  for (int round = 0; round < 300; ++round) {
    const ValueType type = type_of(random.chance(2) ? Dtype::i8 : Dtype::f16);
    const bool has_base = random.chance(2);
    start_anew(model.get());
    const Bytes noise = random.bytes(random.below(40));
    apply::RangeDecoder decoder(noise);
    MixedPiece piece;
    if (!model->code_head(decoder, type, has_base, 1000, &piece)) continue;
    REQUIRE(piece.bytes(type) > 0);
    REQUIRE(piece.bytes(type) <= 1000);
    if (piece.method == MixedMethod::bytes) continue;
    REQUIRE(piece.row <= piece.elements);
    REQUIRE(piece.channels <= piece.row);
    REQUIRE(piece.channels > 0);
    for (uint32_t i = 0; i < piece.source_count; ++i) {
      const MixedSource& source = piece.sources[i];
      REQUIRE((source.axis != MixedAxis::base || has_base));
      REQUIRE(std::abs(source.weight) <= kMaxMixedWeight);
      if (source.axis == MixedAxis::base) continue;
      REQUIRE(source.distance * piece.stride(source.axis) <= piece.elements);
    }
  }
}

TEST_CASE("models: pinned, what MixedModel writes for fixed elements") {
  test::Random random(91);
  const ValueType floats = type_of(Dtype::f32);
  const Bytes weights = test::bell_weights(random, floats, 2000);
  MixedPiece related = piece_of(floats, weights, 50, 10);
  related.greatest = 124;
  related.source_count = 4;
  related.sources = {{{MixedAxis::base, 0, 900},
                      {MixedAxis::channel, 1, 50},
                      {MixedAxis::row, 2, -70},
                      {MixedAxis::rows, 1, 33}}};
  const ValueType codes = type_of(Dtype::i8);
  const Bytes sparse = sparse_codes(random, 3000);
  MixedPiece dead = piece_of(codes, sparse, 60, 12, MixedMethod::sparse);
  dead.zero = 3;
  const ValueType halves = type_of(Dtype::f16);
  const Bytes any = test::any_elements(random, halves, 1500);
  const Bytes integers = test::bell_weights(random, type_of(Dtype::i32), 400);
  test::PinCheck pins;
  pins.add(test::kMixedPins[0],
           check_round_trip(Dtype::f32, {related}, test::moved(random, floats, weights, 9),
                            weights));
  pins.add(test::kMixedPins[1], check_round_trip(Dtype::i8, {dead, dead}, {}, sparse));
  pins.add(test::kMixedPins[2],
           check_round_trip(Dtype::f16, {piece_of(halves, any, 30, 30)}, {}, any));
  pins.add(test::kMixedPins[3],
           check_round_trip(Dtype::i32, {piece_of(type_of(Dtype::i32), integers, 400, 400)},
                            {}, integers));
  pins.finish();
}
