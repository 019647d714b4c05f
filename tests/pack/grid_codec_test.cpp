// Codec 9: round trips for grids of every kind, what they cost, what pack chooses, and what
// its decoder refuses.
#include "mallorn-pack/grid_codec.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <memory>
#include <string>

#include "mallorn-apply/core/grid_decoder.hpp"
#include "mallorn-pack/grid_fit.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using pack::SectionPart;
using test::Bytes;

namespace {

constexpr ValueType kFloat = value_type_of(Dtype::f32);

// Coded bytes and base exactly as large as they say, so that sanitizers see what is read
// past them.
Status decode_grid(ByteView coded, ByteView base, ByteSpan result) {
  static const auto workspace = std::make_unique<apply::GridWorkspace>();
  static const auto values = std::make_unique<ValueModel>();
  const Bytes exact_coded(coded.begin(), coded.end());
  const Bytes exact_base(base.begin(), base.end());
  return apply::decode_grid(Dtype::f32, exact_coded, exact_base, workspace.get(),
                            values.get(), result);
}

Bytes check_grid(const std::vector<SectionPart>& parts, ByteView base, ByteView result) {
  const Bytes coded = pack::encode_grid(Dtype::f32, parts, base, result);
  REQUIRE(coded == pack::encode_grid(Dtype::f32, parts, base, result));
  if (coded.empty()) return coded;
  Bytes decoded(result.size(), 0xA5);
  REQUIRE(decode_grid(coded, base, decoded) == Status::ok);
  REQUIRE(decoded == Bytes(result.begin(), result.end()));
  return coded;
}

float to_float(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t from_float(float number) { return std::bit_cast<uint32_t>(number); }

// Each element of `base` as `change` makes it from its place and its bits.
template <typename Change>
Bytes remade(const Bytes& base, const Change& change) {
  Bytes result = base;
  for (size_t i = 0; i < base.size() / 4; ++i)
    store_le(result.data() + 4 * i, change(i, load_le<uint32_t>(base.data() + 4 * i)));
  return result;
}

// What quantization-aware training does: the nearest multiple of a scale, up to 127 times.
uint32_t faked(uint32_t bits, float scale) {
  const float code = std::nearbyint(to_float(bits) / scale);
  return from_float(std::fmin(std::fmax(code, -127.0F), 127.0F) * scale);
}

uint32_t any_short(const ShortFloats& floats, uint32_t bits) {
  return lengthened(floats, shortened(floats, bits));
}

std::vector<SectionPart> matrix(const Bytes& result, uint64_t row, uint64_t column,
                                uint64_t first = 0) {
  return {{result.size(), {first, row, column, 0, 0}, {}}};
}

Bytes weights(test::Random& random, size_t count) {
  return test::bell_weights(random, kFloat, count);
}

}  // namespace

TEST_CASE("grid codec: floats of every grid come back, in any parts at any places") {
  test::Random random = test::seeded("grid codec");
  size_t coded = 0;
  for (int round = 0; round < 200; ++round) {
    const size_t elements = 20 + random.below(900);
    const Bytes base = round % 5 == 0 ? test::any_elements(random, kFloat, elements)
                                      : weights(random, elements);
    const uint64_t kind = random.below(6);
    const uint64_t row = 1 + random.below(elements);
    const uint64_t column = 1 + random.below(20);
    const uint64_t first = random.below(1000);
    const ShortFloats floats = {random.chance(30)
                                    ? kShortF16
                                    : kLeastShort + static_cast<uint32_t>(random.below(13)),
                                random.chance(50) ? Rounding::zero : Rounding::nearest};
    const Bytes result = remade(base, [&](size_t i, uint32_t bits) {
      if (kind == 0) return any_short(floats, bits);
      if (kind == 1) return faked(bits, 0.001F);
      if (kind == 2)
        return faked(bits, 0.001F + 0.0001F * static_cast<float>((first + i) / row % 7));
      if (kind == 3)
        return faked(bits, 0.001F + 0.0001F * static_cast<float>((first + i) % column));
      if (kind == 4) return load_le<uint32_t>(base.data() + random.below(9) * 4);
      return random.chance(50) ? bits : any_short(floats, bits);
    });
    const size_t second = random.below(elements) * 4;
    std::vector<SectionPart> parts = {
        {result.size() - second, {first, row, column, 0, 0}, {}}};
    if (second > 0) parts.push_back({second, {}, {}});
    const bool has_base = random.chance(70);
    coded +=
        check_grid(parts, has_base ? ByteView(base) : ByteView{}, result).empty() ? 0u : 1u;
  }
  CHECK(coded > 60);
}

TEST_CASE("grid codec: short floats are foreseen from the base, however they are rounded") {
  test::Random random = test::seeded("grid codec short");
  const Bytes base = weights(random, 20000);
  for (const uint32_t bits : {kShortF16, 7u, 10u, 12u}) {
    for (const Rounding rounding : {Rounding::nearest, Rounding::zero}) {
      CAPTURE(bits);
      const ShortFloats floats = {bits, rounding};
      const Bytes result =
          remade(base, [&](size_t, uint32_t from) { return any_short(floats, from); });
      CHECK(check_grid(matrix(result, 100, 100), base, result).size() < 150);
    }
  }
}

TEST_CASE("grid codec: fake-quantized weights are foreseen from the base") {
  test::Random random = test::seeded("grid codec scaled");
  const Bytes base = weights(random, 20000);
  constexpr uint64_t kRow = 200;
  constexpr uint64_t kColumn = 50;
  const auto scale_of = [](uint64_t lane) {
    return 0.0011F + 0.00001F * static_cast<float>(lane);
  };
  const Bytes whole =
      remade(base, [&](size_t, uint32_t bits) { return faked(bits, 0.0013F); });
  CHECK(check_grid(matrix(whole, kRow, kColumn), base, whole).size() < 200);
  const Bytes rows = remade(
      base, [&](size_t i, uint32_t bits) { return faked(bits, scale_of(i / kRow)); });
  CHECK(check_grid(matrix(rows, kRow, kColumn), base, rows).size() < 700);
  const Bytes columns = remade(
      base, [&](size_t i, uint32_t bits) { return faked(bits, scale_of(i % kColumn)); });
  CHECK(check_grid(matrix(columns, kRow, kColumn), base, columns).size() < 500);
  // Without a base, a byte for each, and less for what is rare.
  CHECK(check_grid(matrix(rows, kRow, kColumn), {}, rows).size() < rows.size() / 4);
}

TEST_CASE("grid codec: an entry of a codebook is foreseen from the base") {
  test::Random random = test::seeded("grid codec codebook");
  const Bytes base = weights(random, 20000);
  constexpr float kEntries[] = {-0.2F, -0.11F, -0.03F, -0.0F, 0.0F, 0.02F, 0.07F, 0.15F};
  const Bytes result = remade(base, [&](size_t, uint32_t bits) {
    float best = kEntries[0];
    for (const float entry : kEntries) {
      if (std::fabs(to_float(bits) - entry) < std::fabs(to_float(bits) - best))
        best = entry;
    }
    return from_float(best);
  });
  CHECK(check_grid(matrix(result, 100, 100), base, result).size() < 250);
}

TEST_CASE("grid codec: places are whole where the base lies on the grid") {
  test::Random random = test::seeded("grid codec places");
  for (int round = 0; round < 20000; ++round) {
    const uint32_t field = 30 + static_cast<uint32_t>(random.below(190));
    const auto mantissa = static_cast<uint32_t>(random.below(1 << 23));
    const ScaleGrid grid((random.chance(50) ? kF32Sign : 0) | field << 23 | mantissa);
    const int32_t code = static_cast<int32_t>(random.below(511)) - 255;
    REQUIRE(grid.place(grid.point(code)) == code * 4096);
  }
  // Nothing that a decoder may be told goes wrong.
  for (int round = 0; round < 20000; ++round) {
    const int32_t place =
        ScaleGrid(static_cast<uint32_t>(random())).place(static_cast<uint32_t>(random()));
    REQUIRE(std::abs(place) <= kFarPlace);
  }
}

TEST_CASE("grid codec: what lies on no grid is left to others") {
  test::Random random = test::seeded("grid codec others");
  for (int round = 0; round < 20; ++round) {
    const test::ValuePair pair = test::trained_pair(random, kFloat, 3000);
    CHECK(check_grid(matrix(pair.result, 100, 10), pair.base, pair.result).empty());
  }
  const Bytes half = weights(random, 1000);
  CHECK(pack::encode_grid(Dtype::bf16, {{half.size(), {}, {}}}, half, half).empty());
  CHECK(pack::encode_grid(Dtype::f32, {{6, {}, {}}}, {}, Bytes(6)).empty());
}

TEST_CASE("grid codec: damage is refused, or makes something") {
  test::Random random = test::seeded("grid codec damage");
  const Bytes base = weights(random, 600);
  const Bytes result = remade(base, [&](size_t i, uint32_t bits) {
    return i < 400 ? faked(bits, 0.001F + 0.0001F * static_cast<float>(i / 40))
                   : bits & 0xFFFF0000;
  });
  const Bytes coded = pack::encode_grid(
      Dtype::f32, {{1600, {0, 40, 40, 0, 0}, {}}, {800, {}, {}}}, base, result);
  REQUIRE(!coded.empty());
  Bytes made(result.size());
  for (int round = 0; round < 1000; ++round) {
    Bytes damaged = coded;
    damaged[random.below(damaged.size())] ^= static_cast<uint8_t>(1 + random.below(255));
    if (random.chance(20)) damaged.resize(random.below(damaged.size()));
    const Status status = decode_grid(damaged, base, made);
    REQUIRE((status == Status::ok || status == Status::corrupt_data));
  }
  CHECK(decode_grid(coded, ByteView(base).first(base.size() - 4), made) ==
        Status::corrupt_data);
}
