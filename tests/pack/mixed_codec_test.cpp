// Codec 7: round trips for all dtypes, lengths and places, what it finds and what pack
// chooses it for, and what its decoder refuses.
#include "mallorn-pack/mixed_codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "mallorn-apply/core/mixed_decoder.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/mixed_fit.hpp"
#include "mallorn-pack/values_codec.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using pack::SectionPart;
using test::Bytes;

namespace {

MixedModel* mixed_workspace() {
  static const auto model = std::make_unique<MixedModel>();
  return model.get();
}

// Coded bytes, base and result each exactly as large as they say, so that sanitizers see
// what is read or written past them.
Status decode_mixed(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  const Bytes exact_coded = test::exactly(coded);
  const Bytes exact_base = test::exactly(base);
  return apply::decode_mixed(dtype, exact_coded, exact_base, mixed_workspace(), result);
}

Bytes check_mixed(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                  ByteView result) {
  return test::check_coded([&] { return pack::encode_mixed(dtype, parts, base, result); },
                           [&](ByteView coded, ByteSpan decoded) {
                             return decode_mixed(dtype, coded, base, decoded);
                           },
                           result);
}

// One part of a matrix whose rows have so many elements.
std::vector<SectionPart> matrix(ByteView result, uint64_t row, uint64_t first = 0) {
  return {{result.size(), {first, row, row, 0, 0}}};
}

std::vector<SectionPart> any_parts(test::Random& random, size_t length) {
  std::vector<SectionPart> parts;
  while (length > 0) {
    const size_t part = random.chance(4) ? length : 1 + random.below(length);
    TensorPlace place;
    if (!random.chance(6)) {
      place.column_elements = random.chance(8) ? random() : 1 + random.below(40);
      place.row_elements =
          random.chance(8) ? random() : (place.column_elements % 99) * random.below(4);
      place.first_element = random.chance(8) ? random() : random.below(1000);
      place.result_zero = static_cast<int32_t>(random.below(384)) - 128;
    }
    parts.push_back({part, place});
    length -= part;
  }
  return parts;
}

template <typename Visit>
void for_each_mixed_type(const Visit& visit) {
  for (const Dtype dtype : test::kValueDtypes) {
    ValueType type;
    if (!mixed_type(dtype, &type)) continue;
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, type);
  }
}

// Rows of a bell curve, each of them as wide as `width` says of it.
template <typename Width>
Bytes rows_of(test::Random& random, const ValueType& type, size_t rows, size_t columns,
              const Width& width) {
  size_t i = 0;
  return test::elements(type, rows * columns, [&] {
    const size_t row = i++ / columns;
    return test::to_bits(type, test::bell(random, type) * width(row));
  });
}

}  // namespace

TEST_CASE("mixed codec: elements of every kind come back, in any parts at any places") {
  test::Random random = test::seeded("mixed codec");
  for_each_mixed_type([&](Dtype dtype, const ValueType& type) {
    for (int round = 0; round < 6; ++round) {
      const size_t elements = 1 + random.below(700);
      Bytes base = test::any_elements(random, type, elements);
      Bytes result = random.chance(2)
                         ? test::moved(random, type, base, 1 + random.below(1000))
                         : test::any_elements(random, type, elements);
      const size_t more = random.below(type.bytes);  // fills no element
      base.resize(base.size() + more, 3);
      result.resize(result.size() + more, 4);
      const std::vector<SectionPart> parts = any_parts(random, result.size());
      check_mixed(dtype, parts, base, result);
      check_mixed(dtype, parts, {}, result);
    }
  });
}

TEST_CASE("mixed codec: every length from none") {
  test::Random random = test::seeded("mixed codec lengths");
  for_each_mixed_type([&](Dtype dtype, const ValueType& type) {
    for (size_t size = 0; size <= 4 * type.bytes + 1; ++size) {
      CAPTURE(size);
      const Bytes base = random.bytes(size);
      const std::vector<SectionPart> parts = {{size, {1, 3, 3, 0, 0}}};
      check_mixed(dtype, parts, base, random.changed(base, 10));
      check_mixed(dtype, parts, {}, base);
    }
    CHECK(check_mixed(dtype, {}, {}, {}).empty());
    CHECK(decode_mixed(dtype, Bytes(9, 0), {}, {}) == Status::corrupt_data);
  });
}

TEST_CASE("mixed codec: to decode a small section little memory is begun") {
  constexpr uint8_t kUntouched = 0xA5;
  const Bytes result = {7, 11};
  const Bytes coded = pack::encode_mixed(Dtype::i8, matrix(result, 2), {}, result);
  std::vector<uint64_t> room(sizeof(MixedModel) / sizeof(uint64_t) + 1);
  const auto memory = reinterpret_cast<uint8_t*>(room.data());
  std::fill_n(memory, sizeof(MixedModel), kUntouched);
  Bytes decoded(result.size());
  REQUIRE(apply::decode_mixed(Dtype::i8, coded, {}, reinterpret_cast<MixedModel*>(memory),
                              decoded) == Status::ok);
  CHECK(decoded == result);
  const auto untouched = std::count(memory, memory + sizeof(MixedModel), kUntouched);
  CHECK(sizeof(MixedModel) - static_cast<size_t>(untouched) < 64 * 1024);
}

TEST_CASE("mixed codec: growth is bounded, whatever the elements") {
  test::Random random(181);
  for_each_mixed_type([&](Dtype dtype, const ValueType& type) {
    const Bytes result = random.bytes(4000 * type.bytes);
    const Bytes zeros(4000 * type.bytes, 0);
    CHECK(check_mixed(dtype, matrix(result, 80), {}, result).size() <
          result.size() * 103 / 100);
    CHECK(check_mixed(dtype, matrix(zeros, 80), {}, zeros).size() < 100);
  });
}

TEST_CASE("mixed codec: a bell curve costs its entropy, however wide each row is") {
  test::Random random(182);
  const ValueType type = test::type_of(Dtype::i8);
  const auto width = [](size_t row) { return row % 2 == 0 ? 1.0 : 0.25; };
  const Bytes result = rows_of(random, type, 200, 300, width);
  // log2(sigma * sqrt(2 pi e)) of standard deviations 16 and 4.
  const double bits = 2.0471 + (4.0 + 2.0) / 2;
  const auto least = static_cast<size_t>(bits / 8 * 200 * 300);
  const size_t coded = check_mixed(Dtype::i8, matrix(result, 300), {}, result).size();
  CHECK(coded < least * 101 / 100);
  CHECK(coded > least * 99 / 100);
  CHECK(coded * 105 <
        pack::encode_values(Dtype::i8, matrix(result, 300), {}, result).size() * 100);
}

TEST_CASE("mixed codec: what follows its neighbours, or in part the base, costs less") {
  test::Random random(183);
  const ValueType type = test::type_of(Dtype::f32);
  const size_t columns = 64;
  std::vector<double> numbers;
  for (size_t i = 0; i < 300 * columns; ++i) {
    const double before = i % columns == 0 ? 0 : numbers.back();
    numbers.push_back(0.8 * before + 0.6 * test::bell(random, type));
  }
  size_t at = 0;
  const Bytes result = test::elements(type, numbers.size(),
                                      [&] { return test::to_bits(type, numbers[at++]); });
  at = 0;
  const Bytes base = test::elements(type, numbers.size(), [&] {
    return test::to_bits(type, numbers[at++] / 2 + test::bell(random, type) / 8);
  });
  const auto bits = [&](const std::vector<SectionPart>& parts, ByteView from) {
    return 8.0 * static_cast<double>(check_mixed(Dtype::f32, parts, from, result).size()) /
           static_cast<double>(numbers.size());
  };
  const double alone = bits({{result.size(), {}}}, {});
  const MixedPiece piece = pack::fit_mixed(type, columns, columns, 0, {}, result);
  REQUIRE(piece.source_count > 0);
  CHECK(piece.sources[0].axis == MixedAxis::channel);
  CHECK(piece.sources[0].distance == 1);
  CHECK(std::abs(piece.sources[0].weight - 819) < 60);
  CHECK(bits(matrix(result, columns), base) < alone - 1);
  CHECK(pack::fit_mixed(type, columns, columns, 0, base, result).sources[0].axis ==
        MixedAxis::base);
}

TEST_CASE("mixed codec: channels without elements cost next to nothing") {
  test::Random random(184);
  const ValueType type = test::type_of(Dtype::i8);
  const auto width = [](size_t row) { return row % 3 == 0 ? 1.0 : 0.0; };
  const Bytes sparse = rows_of(random, type, 300, 100, width);
  const Bytes dense = rows_of(random, type, 100, 100, [](size_t) { return 1.0; });
  const MixedPiece piece = pack::fit_mixed(type, 100, 100, 0, {}, sparse);
  CHECK(piece.method == MixedMethod::sparse);
  CHECK(check_mixed(Dtype::i8, matrix(sparse, 100), {}, sparse).size() <
        check_mixed(Dtype::i8, matrix(dense, 100), {}, dense).size() + 500);
}

TEST_CASE("mixed codec: pack takes it where it is asked to, and where it is smaller") {
  test::Random random(185);
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  const ValueType type = test::type_of(Dtype::f32);
  const Bytes result =
      rows_of(random, type, 100, 200, [](size_t row) { return row % 4 == 0 ? 4.0 : 1.0; });
  const auto packed = [&](const test::MadeChunk& chunk, bool is_max) {
    const pack::EncodedChunk coded =
        pack::encode_chunk(chunk.input(true), chunk.base.size(), {19, is_max});
    apply::HostSections sections;
    REQUIRE(apply::decode_chunk(ByteView(coded.record).subspan(1), chunk.base, 0, sections,
                                space.get()) == Status::ok);
    REQUIRE(test::result_of(*space, chunk.base) == chunk.result);
    return coded;
  };
  test::MadeChunk chunk{result, result, 0, {}};
  Step step;
  step.kind = StepKind::literal;
  step.dtype = Dtype::f32;
  step.result_bytes = result.size();
  step.place = {0, 200, 200, 0, 0};
  chunk.steps = {step};
  const pack::EncodedChunk without = packed(chunk, false);
  const pack::EncodedChunk with = packed(chunk, true);
  CHECK((without.features & kFeatureMixed) == 0);
  CHECK(with.features == kFeatureMixed);
  CHECK(with.record.size() < without.record.size());
  // A base that tells everything, though mallorn-delta has not seen it.
  chunk.steps[0].kind = StepKind::predict;
  chunk.steps[0].predictor = Predictor::distant;
  CHECK(packed(chunk, false).record == without.record);
  CHECK(packed(chunk, true).record.size() < with.record.size() / 10);
  // One that tells nothing.
  chunk.base = random.bytes(result.size());
  CHECK(packed(chunk, true).record.size() <= with.record.size());
}

TEST_CASE("mixed codec: a base of another length, other dtypes, damage are refused") {
  test::Random random = test::seeded("mixed codec damage");
  const ValueType type = test::type_of(Dtype::f16);
  const Bytes result = test::bell_weights(random, type, 300);
  const Bytes base = test::moved(random, type, result, 40);
  const Bytes coded = pack::encode_mixed(Dtype::f16, matrix(result, 30), base, result);
  Bytes decoded(result.size());
  CHECK(decode_mixed(Dtype::f16, coded, ByteView(base).first(base.size() - 1), decoded) ==
        Status::corrupt_data);
  for (const Dtype dtype : {Dtype::f64, Dtype::i64, Dtype::q4_0, Dtype::opaque}) {
    CHECK(decode_mixed(dtype, coded, base, decoded) == Status::corrupt_data);
  }
  for (size_t length = 0; length < coded.size(); length += 7) {
    const Status status =
        decode_mixed(Dtype::f16, ByteView(coded).first(length), base, decoded);
    CHECK((status == Status::corrupt_data || decoded != result));
  }
  for (int round = 0; round < 200; ++round) {
    const Bytes damaged = random.changed(coded, 50);
    const Status status = decode_mixed(Dtype::f16, damaged, base, decoded);
    REQUIRE((status == Status::ok || status == Status::corrupt_data));
  }
}
