// Codec 4: round trips for all dtypes, lengths and places, what it finds and what pack
// chooses it for, and what its decoder refuses.
#include "mallorn-pack/values_codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "mallorn-apply/core/values_decoder.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using pack::SectionPart;
using test::Bytes;
using test::ValuePair;

namespace {

ValueModel* values_workspace() {
  static const auto model = std::make_unique<ValueModel>();
  return model.get();
}

// Coded bytes, base and result each exactly as large as they say, so that sanitizers see
// what is read or written past them.
Status decode_values(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  const Bytes exact_coded = test::exactly(coded);
  const Bytes exact_base = test::exactly(base);
  return apply::decode_values(dtype, exact_coded, exact_base, values_workspace(), result);
}

Bytes check_values(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                   ByteView result) {
  return test::check_coded([&] { return pack::encode_values(dtype, parts, base, result); },
                           [&](ByteView coded, ByteSpan decoded) {
                             return decode_values(dtype, coded, base, decoded);
                           },
                           result);
}

// One part of a matrix whose rows have so many elements.
std::vector<SectionPart> matrix(ByteView result, uint64_t row, uint64_t first = 0) {
  return {{result.size(), {first, row, row, 0, 0}}};
}

TensorPlace any_place(test::Random& random) {
  TensorPlace place;
  if (random.chance(6)) return place;
  place.column_elements = 1 + random.below(40);
  place.row_elements = place.column_elements * (1 + random.below(3));
  place.first_element = random.chance(2) ? 0 : random.below(1000);
  place.base_zero = static_cast<int32_t>(random.below(384)) - 128;
  place.result_zero = static_cast<int32_t>(random.below(384)) - 128;
  if (random.chance(8)) place.first_element = random();
  if (random.chance(8)) place.row_elements = random();
  if (random.chance(8)) place.column_elements = random();
  return place;
}

std::vector<SectionPart> any_parts(test::Random& random, size_t length) {
  std::vector<SectionPart> parts;
  while (length > 0) {
    const size_t part = random.chance(4) ? length : 1 + random.below(length);
    parts.push_back({part, any_place(random)});
    length -= part;
  }
  return parts;
}

template <typename Visit>
void for_each_values_type(const Visit& visit) {
  for (const Dtype dtype : test::kValueDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, test::type_of(dtype));
  }
}

struct Packed {
  CodecId codec = CodecId::stored;
  uint32_t features = 0;
  size_t bytes = 0;
};

// What a chunk of one section is coded as; decoded, it is the result.
Packed packed(Dtype dtype, const ValuePair& pair, uint64_t row, int level) {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  test::MadeChunk chunk{pair.base, pair.result, 0, {}};
  Step step;
  step.kind = pair.base.empty() ? StepKind::literal : StepKind::predict;
  step.dtype = dtype;
  step.result_bytes = pair.result.size();
  step.place = {0, row, row, 0, 0};
  chunk.steps = {step};
  const pack::EncodedChunk coded =
      pack::encode_chunk(chunk.input(true), chunk.base.size(), {level});
  apply::HostSections sections;
  REQUIRE(apply::decode_chunk(ByteView(coded.record).subspan(1), chunk.base, 0, sections,
                              space.get()) == Status::ok);
  REQUIRE(test::result_of(*space, chunk.base) == chunk.result);
  const ChunkHeader& header = space->view.header;
  REQUIRE(header.section_count == 1);
  REQUIRE((section_features(header) & ~coded.features) == 0);
  return {header.sections[0].codec, coded.features, coded.record.size()};
}

}  // namespace

TEST_CASE("values codec: elements of every kind come back, in any parts at any places") {
  test::Random random = test::seeded("values codec");
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    for (int round = 0; round < 10; ++round) {
      const size_t elements = 1 + random.below(900);
      Bytes base = test::any_elements(random, type, elements);
      Bytes result = random.chance(2)
                         ? test::moved(random, type, base, 1 + random.below(1000))
                         : test::any_elements(random, type, elements);
      const size_t more = random.below(type.bytes);  // fills no element
      base.resize(base.size() + more, 3);
      result.resize(result.size() + more, 4);
      const std::vector<SectionPart> parts = any_parts(random, result.size());
      check_values(dtype, parts, base, result);
      check_values(dtype, parts, {}, result);
    }
  });
}

TEST_CASE("values codec: every length from none") {
  test::Random random = test::seeded("values codec lengths");
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    for (size_t size = 0; size <= 5 * type.bytes + 1; ++size) {
      CAPTURE(size);
      const Bytes base = random.bytes(size);
      const std::vector<SectionPart> parts = {{size, {1, 3, 3, 0, 0}}};
      check_values(dtype, parts, base, random.changed(base, 10));
      check_values(dtype, parts, {}, base);
    }
    CHECK(check_values(dtype, {}, {}, {}).empty());
    CHECK(decode_values(dtype, Bytes(9, 0), {}, {}) == Status::corrupt_data);
  });
}

TEST_CASE("values codec: growth is bounded, whatever the elements") {
  test::Random random(81);
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = random.bytes(4000 * type.bytes);
    const Bytes result = random.bytes(4000 * type.bytes);
    const std::vector<SectionPart> parts = matrix(result, 80);
    CHECK(check_values(dtype, parts, base, base).size() < 32);
    CHECK(check_values(dtype, parts, base, result).size() < result.size() * 11 / 10);
    CHECK(check_values(dtype, parts, {}, result).size() < result.size() * 11 / 10);
  });
}

TEST_CASE("values codec: small moves cost little more than the moves say") {
  test::Random random(82);
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = test::weights(random, type, 8000);
    const Bytes result = test::moved(random, type, base, 4);
    const size_t size = check_values(dtype, matrix(result, 80), base, result).size();
    CHECK(size < 8000 * 35 / 80);  // log2(9) bits each
  });
}

TEST_CASE("values codec: an update of few ranks makes a section much smaller" *
          doctest::test_suite("figures")) {
  test::Random random(83);
  for (const Dtype dtype : test::kScaledDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    for (const uint32_t ranks : {1u, 6u}) {
      CAPTURE(ranks);
      const ValuePair pair = test::low_rank_pair(random, type, {150, 200}, ranks);
      const size_t found =
          check_values(dtype, matrix(pair.result, 200), pair.base, pair.result).size();
      // Without a shape no rank can be told.
      const size_t blind =
          check_values(dtype, {{pair.result.size(), {}}}, pair.base, pair.result).size();
      CHECK((ranks == 1 ? 2 * found : found * 3 / 2) < blind);
    }
  }
}

TEST_CASE("values codec: blocks whose scale has changed its sign cost little") {
  test::Random random(85);
  constexpr size_t kRow = 256;
  constexpr size_t kBlock = 32;
  for (const Dtype dtype : {Dtype::u4, Dtype::u8}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const int bits = dtype == Dtype::u4 ? 4 : 8;
    const int32_t zero = 1 << (bits - 1);
    const size_t per_byte = dtype == Dtype::u4 ? 2 : 1;
    Bytes base(100 * kRow / per_byte);
    Bytes result(base.size());
    int32_t sign = 1;
    for (size_t i = 0; i < base.size() * per_byte; ++i) {
      if (i % kBlock == 0) sign = random.chance(8) ? -1 : 1;
      const auto from = static_cast<int32_t>(random.below(uint64_t{2} << (bits - 1)));
      const int32_t moved = random.chance(8) ? 1 : 0;
      const int32_t to = std::clamp(zero + sign * (from - zero) + moved, 0, 2 * zero - 1);
      const auto shift = static_cast<unsigned>(i % per_byte) * 4;
      base[i / per_byte] |= static_cast<uint8_t>(from << shift);
      result[i / per_byte] |= static_cast<uint8_t>(to << shift);
    }
    const auto size = [&](uint64_t block) {
      const TensorPlace place = {0, kRow, block, zero, zero};
      return check_values(dtype, {{result.size(), place}}, base, result).size();
    };
    CHECK(size(kBlock) * 3 < size(kRow) * 2);
    // Moves cost 0.54 bits each, a block 0.54 for its sign.
    CHECK(size(kBlock) * 8 < 100 * kRow * 65 / 100);
  }
}

TEST_CASE("values codec: ranks that are none make no section larger") {
  test::Random random(86);
  // Two codes in a byte, of which one in seven moved: by 1, or by 16.
  Bytes base = random.bytes(256 * 128);
  Bytes result = base;
  for (uint8_t& byte : result) {
    if (random.chance(7)) byte = static_cast<uint8_t>(byte + 1);
    if (random.chance(7)) byte = static_cast<uint8_t>(byte + (random.chance(2) ? 16 : 240));
  }
  const size_t found = check_values(Dtype::u8, matrix(result, 128), base, result).size();
  const size_t blind = check_values(Dtype::u8, {{result.size(), {}}}, base, result).size();
  CHECK(found <= blind + blind / 50);
}

TEST_CASE("values codec: gains of rows or columns make a section much smaller") {
  test::Random random(84);
  for (const Dtype dtype : test::kScaledDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    for (const GainAxis axis : {GainAxis::row, GainAxis::column}) {
      std::vector<double> gains;
      const ValuePair pair = test::scaled_pair(random, type, {100, 160}, axis, &gains);
      const size_t found =
          check_values(dtype, matrix(pair.result, 160), pair.base, pair.result).size();
      const size_t blind =
          check_values(dtype, {{pair.result.size(), {}}}, pair.base, pair.result).size();
      CHECK(found * 10 < blind * 8);
    }
  }
}

TEST_CASE("values codec: a place that begins within a row is no hindrance") {
  test::Random random(85);
  const ValueType type = test::type_of(Dtype::f16);
  const ValuePair pair = test::low_rank_pair(random, type, {150, 200}, 1);
  const size_t whole =
      check_values(Dtype::f16, matrix(pair.result, 200), pair.base, pair.result).size();
  const ByteView base = ByteView(pair.base).subspan(2 * 130);
  const ByteView result = ByteView(pair.result).subspan(2 * 130);
  CHECK(check_values(Dtype::f16, matrix(result, 200, 130), base, result).size() <
        whole + 300);
}

TEST_CASE(
    "values codec: the state of the model that the decoder is given does not matter") {
  test::Random random(86);
  const ValueType type = test::type_of(Dtype::f32);
  const ValuePair pair = test::low_rank_pair(random, type, {40, 50}, 2);
  const Bytes coded =
      pack::encode_values(Dtype::f32, matrix(pair.result, 50), pair.base, pair.result);
  Bytes first(pair.result.size());
  REQUIRE(decode_values(Dtype::f32, coded, pair.base, first) == Status::ok);
  Bytes other(3000);
  (void)decode_values(Dtype::i8, random.bytes(900), random.bytes(3000), other);
  Bytes again(pair.result.size(), 0xFF);
  REQUIRE(decode_values(Dtype::f32, coded, pair.base, again) == Status::ok);
  CHECK(first == pair.result);
  CHECK(again == pair.result);
}

TEST_CASE("values codec: codes of four bits, wherever rows begin") {
  test::Random random = test::seeded("values codec halves");
  for (int round = 0; round < 200; ++round) {
    const Dtype dtype = random.chance(2) ? Dtype::i4 : Dtype::u4;
    std::vector<SectionPart> parts;
    uint64_t length = 0;
    for (uint64_t count = 1 + random.below(3); count > 0; --count) {
      parts.push_back({1 + random.below(300), any_place(random)});
      length += parts.back().length_bytes;
    }
    const Bytes base = random.bytes(length);
    const Bytes result = random.chance(4) ? random.bytes(length)
                                          : random.changed(base, 1 + random.below(40));
    check_values(dtype, parts, random.chance(3) ? ByteView() : base, result);
  }
}

TEST_CASE("values codec: codes of four bits have gains by row, and bounds") {
  test::Random random(92);
  constexpr uint64_t kRow = 33;  // every other row begins within a byte
  constexpr uint64_t kElements = kRow * 400;
  const std::vector<SectionPart> parts = {{kElements / 2, {0, kRow, kRow, 0, 0}}};
  for (const Dtype dtype : {Dtype::i4, Dtype::u4}) {
    ValueType type{};
    REQUIRE(half_type(dtype, &type));
    const int32_t low = type.is_signed ? -8 : 0;
    Bytes base = random.bytes(kElements / 2);
    Bytes result(base.size());
    for (uint64_t i = 0; i < kElements; ++i) {
      const int32_t step = i / kRow % 3 == 0 ? 4 : 3;  // quarters
      const int32_t moved = (load_code(type, base.data(), i) * step + 2) >> 2;
      store_code(type, result.data(), i, std::clamp(moved, low, low + 15));
    }
    const Bytes coded = check_values(dtype, parts, base, result);
    CHECK(coded.size() < kElements / 2 / 10);  // else some two bits of four
    for (size_t cut = 0; cut + 9 < coded.size(); cut += 7) {
      Bytes decoded(result.size());
      const Status status = decode_values(dtype, ByteView(coded).first(cut), base, decoded);
      REQUIRE((status == Status::corrupt_data || decoded != result));
    }
  }
}

TEST_CASE("values codec: refuses dtypes that are no numbers, and a base of other length") {
  test::Random random(87);
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    CAPTURE(std::string(table.entries[i].name));
    const Dtype dtype = table.entries[i].dtype;
    const Bytes base = random.bytes(8 * table.entries[i].block_bytes);
    ValueType type;
    const bool has_type = value_type(dtype, &type) || half_type(dtype, &type);
    const Bytes coded = has_type
                            ? pack::encode_values(dtype, {{base.size(), {}}}, base, base)
                            : random.bytes(40);
    Bytes result(base.size());
    const Status expected = has_type ? Status::ok : Status::corrupt_data;
    CHECK(decode_values(dtype, coded, base, result) == expected);
    CHECK(decode_values(dtype, {}, {}, {}) == expected);
    const Status refused = Status::corrupt_data;
    CHECK(decode_values(dtype, coded, ByteView(base).first(base.size() - 1), result) ==
          refused);
    CHECK(decode_values(dtype, coded, base, ByteSpan(result).first(result.size() - 1)) ==
          refused);
    CHECK(decode_values(dtype, coded, {}, result) == refused);  // it was predicted
    CHECK(decode_values(dtype, coded, base, ByteSpan()) == refused);
  }
}

TEST_CASE("values codec: coded bytes that are cut are refused, or not the result") {
  test::Random random(88);
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = test::weights(random, type, 300);
    const Bytes result = test::moved(random, type, base, 50);
    const Bytes coded = pack::encode_values(dtype, matrix(result, 20), base, result);
    REQUIRE(coded.size() > 30);
    for (size_t size = 0; size < coded.size(); ++size) {
      CAPTURE(size);
      Bytes decoded(result.size());
      const Status status =
          decode_values(dtype, ByteView(coded).first(size), base, decoded);
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
      // A few bytes may be made up: it is the check of the chunk that sees them.
      if (size + 9 < coded.size() && status == Status::ok) REQUIRE(decoded != result);
    }
    Bytes longer = coded;
    for (size_t more = 1; more <= 16; ++more) {
      longer.push_back(random.byte());
      if (more <= 8) continue;  // as many as the decoder may make up
      Bytes decoded(result.size());
      REQUIRE(decode_values(dtype, longer, base, decoded) == Status::corrupt_data);
    }
  });
}

TEST_CASE("values codec: damaged coded bytes end with a status") {
  test::Random random = test::seeded("values codec damage");
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    const ValuePair pair = test::low_rank_pair(
        random, type.gain_bits == 0 ? test::type_of(Dtype::f32) : type, {20, 24}, 1);
    const bool has_base = !random.chance(4);
    const ByteView base = has_base ? ByteView(pair.base) : ByteView();
    const Bytes coded =
        pack::encode_values(dtype, matrix(pair.result, 24), base, pair.result);
    for (int round = 0; round < 200; ++round) {
      Bytes damaged = round % 3 == 0
                          ? random.bytes(1 + random.below(500))
                          : random.changed(coded, 1 + random.below(coded.size()));
      if (round % 3 == 1) damaged.resize(random.below(2 * coded.size()));
      Bytes decoded(pair.result.size());
      const Status status = decode_values(dtype, damaged, base, decoded);
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
    }
  });
}

TEST_CASE("values codec: pack takes it for related elements, but not when it must be fast" *
          doctest::test_suite("figures")) {
  test::Random random(89);
  for_each_values_type([&](Dtype dtype, const ValueType& type) {
    if (dtype == Dtype::f64) return;  // planes come as near: most bits are noise
    const ValuePair pair = test::trained_pair(random, type, 70000);
    const Packed thorough = packed(dtype, pair, 100, 9);
    CHECK(thorough.codec == CodecId::values);
    CHECK((thorough.features & kFeatureValues) != 0);
    CHECK(packed(dtype, pair, 100, 4).codec == CodecId::values);
    for (const int level : {1, 3}) {
      const Packed fast = packed(dtype, pair, 100, level);
      CHECK(fast.codec != CodecId::values);
      CHECK((fast.features & kFeatureValues) == 0);
      CHECK(thorough.bytes < fast.bytes + fast.bytes / 50);
    }
    const ValuePair small = test::trained_pair(random, type, 8000);
    CHECK(packed(dtype, small, 100, 1).codec == CodecId::values);  // soon decoded
  });
}

TEST_CASE("values codec: pack takes it for weights alone, and leaves noise stored") {
  test::Random random(90);
  for (const Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::f32}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    const Bytes alone = test::bell_weights(random, type, 30000);
    CHECK(packed(dtype, {{}, alone}, 100, 9).codec == CodecId::values);
  }
  CHECK(packed(Dtype::i8, {{}, random.bytes(100000)}, 100, 9).codec == CodecId::stored);
}
