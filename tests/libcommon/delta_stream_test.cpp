#include "libcommon/delta_stream.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"
#include "tests/support/steps.hpp"

using namespace mallorn;
using test::Bytes;
using test::step;

namespace {

DeltaManifest manifest(uint64_t base, uint64_t result) {
  DeltaManifest made;
  made.base.length_bytes = base;
  made.result.length_bytes = result;
  return made;
}

Step placed(StepKind kind, Dtype dtype, const TensorPlace& place) {
  Step made = step(kind, 8, 0, dtype);
  made.place = place;
  return made;
}

TensorPlace random_place(test::Random& random) {
  TensorPlace place;
  place.first_element = random() >> random.below(64);
  place.row_elements = random() >> random.below(64);
  place.column_elements = random() >> random.below(64);
  place.base_zero = static_cast<int32_t>(random.below(384)) - 128;
  place.result_zero = static_cast<int32_t>(random.below(384)) - 128;
  return place;
}

// Numbers that follow from those `ahead` of them, or behind them if that is negative.
Step derived(uint64_t length, int64_t ahead, uint64_t base_offset = 0) {
  Step made = step(StepKind::predict, length, base_offset, Dtype::f32, Predictor::derived);
  made.parameters = derivation_to_bytes(
      {static_cast<uint64_t>(ahead < 0 ? -ahead : ahead), ahead > 0, 0x40000000});
  return made;
}

Step converted(uint64_t length, uint64_t offset, Dtype from, Dtype to,
               Rounding rounding = Rounding::nearest) {
  Step made = step(StepKind::predict, length, offset, to, Predictor::converted);
  made.conversion = {from, rounding};
  return made;
}

// Elements of i16.
Step permuted(uint64_t length, uint64_t offset, const Permutation& permutation) {
  Step made = step(StepKind::predict, length, offset, Dtype::i16, Predictor::permuted);
  made.permutation = permutation;
  return made;
}

// The status with which a chunk of these steps at `offset` is refused, or ok.
Status status_of(const std::vector<Step>& steps, const DeltaManifest& models,
                 uint64_t offset = 0) {
  return test::status_of([&] {
    const std::vector<Step> read =
        steps_from_bytes(steps_to_bytes(steps), models, offset, "x");
    REQUIRE(read == steps);
  });
}

Status status_of_bytes(const Bytes& payload) {
  return test::status_of(
      [&] { (void)steps_from_bytes(payload, manifest(1000, 1000), 0, "x"); });
}

constexpr StepKind kCopy = StepKind::copy;
constexpr StepKind kPredict = StepKind::predict;
constexpr StepKind kLiteral = StepKind::literal;

}  // namespace

TEST_CASE("delta notes: are read back as they were written, and refused if spoilt") {
  const TensorNote note = {1u << 20, 300,   Dtype::q4_0,
                           "name",   "3x4", std::string("a\0b", 3)};
  const Bytes bytes = note_to_bytes(note);
  const auto status_of_note = [](const Bytes& payload) {
    return test::status_of([&] { (void)note_from_bytes(payload, "x"); });
  };
  const TensorNote read = note_from_bytes(bytes, "x");
  CHECK(read.offset_bytes == note.offset_bytes);
  CHECK(read.length_bytes == note.length_bytes);
  CHECK(read.dtype == note.dtype);
  CHECK(read.match == note.match);
  CHECK(read.shape == note.shape);
  CHECK(read.name == note.name);
  for (size_t i = 0; i < bytes.size(); ++i) {
    CHECK(status_of_note(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(i))) ==
          Status::truncated);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK(status_of_note(longer) == Status::trailing_bytes);
  CHECK(status_of_note({0, 1, 255, 0, 0, 0}) == Status::malformed);
  CHECK(status_of_note({0, 1, 1, 0x81, 8}) == Status::limit_exceeded);  // 1025 bytes
  TensorNote wraps = note;
  wraps.length_bytes = UINT64_MAX;
  CHECK(status_of_note(note_to_bytes(wraps)) == Status::malformed);
  TensorNote cut = note;
  cut.name.assign(5000, 'x');
  CHECK(note_from_bytes(note_to_bytes(cut), "x").name == std::string(1024, 'x'));
}

TEST_CASE("delta steps: random chunks are read back as they were written") {
  test::Random random = test::seeded("delta steps");
  const DtypeTable table = dtype_table();
  for (int round = 0; round < 200; ++round) {
    const DeltaManifest models = manifest(random.below(1u << 20) + 1, 1u << 30);
    std::vector<Step> steps;
    for (uint64_t i = 1 + random.below(40); i > 0; --i) {
      const auto kind = static_cast<StepKind>(random.below(3));
      const auto predictor = static_cast<Predictor>(random.below(2));
      uint64_t offset = random.below(models.base.length_bytes);
      uint64_t length = 1 + random.below(models.base.length_bytes - offset);
      if (kind == kLiteral) offset = 0;
      if (kind != kCopy) length = 1 + length % (kMaxChunkCoded / 40);
      length =
          std::min(length, kind == kLiteral ? length : models.base.length_bytes - offset);
      steps.push_back(step(kind, length, offset,
                           table.entries[random.below(table.count)].dtype, predictor));
      const bool may_have_place = kind != kCopy && steps.back().dtype != Dtype::opaque;
      if (may_have_place && !random.chance(3)) steps.back().place = random_place(random);
    }
    REQUIRE(status_of(steps, models) == Status::ok);
  }
}

TEST_CASE("delta steps: ranges of the base, one below, at and above its end") {
  const DeltaManifest models = manifest(100, 1000);
  CHECK(status_of({step(kCopy, 10, 89)}, models) == Status::ok);
  CHECK(status_of({step(kCopy, 10, 90)}, models) == Status::ok);
  CHECK(status_of({step(kCopy, 10, 91)}, models) == Status::malformed);
  CHECK(status_of({step(kCopy, 10, UINT64_MAX - 5)}, models) == Status::malformed);
  CHECK(status_of({step(kCopy, 10, 91, Dtype::opaque, Predictor::bytes)}, models) ==
        Status::malformed);
  CHECK(status_of({step(kPredict, 10, 90)}, models) == Status::ok);
  CHECK(status_of({step(kPredict, 10, 91)}, models) == Status::malformed);
  // Byte by byte, the base may end before the result does, but not before it begins.
  CHECK(status_of({step(kPredict, 10, 91, Dtype::opaque, Predictor::bytes)}, models) ==
        Status::ok);
  CHECK(status_of({step(kPredict, 10, 100, Dtype::opaque, Predictor::bytes)}, models) ==
        Status::ok);
  CHECK(status_of({step(kPredict, 10, 101, Dtype::opaque, Predictor::bytes)}, models) ==
        Status::malformed);
  CHECK(status_of({step(kLiteral, 10, 0)}, models) == Status::ok);
  CHECK(status_of({step(kLiteral, 10, 1)}, models) == Status::malformed);
}

TEST_CASE("delta steps: they do not reach past the end of the result") {
  const DeltaManifest models = manifest(100, 1000);
  CHECK(status_of({step(kLiteral, 1000)}, models) == Status::ok);
  CHECK(status_of({step(kLiteral, 1001)}, models) == Status::malformed);
  CHECK(status_of({step(kLiteral, 990), step(kCopy, 10)}, models) == Status::ok);
  CHECK(status_of({step(kLiteral, 990), step(kCopy, 11)}, models) == Status::malformed);
  CHECK(status_of({step(kLiteral, 10)}, models, 990) == Status::ok);
  CHECK(status_of({step(kLiteral, 11)}, models, 990) == Status::malformed);
  CHECK(status_of({step(kLiteral, 1)}, models, 1000) == Status::malformed);
  CHECK(status_of({step(kLiteral, UINT64_MAX)}, models) == Status::malformed);
  CHECK(status_of({step(kLiteral, 0)}, models) == Status::malformed);
}

TEST_CASE("delta steps: limits of a chunk, one below, at and above") {
  const DeltaManifest models = manifest(1ull << 40, 1ull << 40);
  for (const StepKind kind : {kPredict, kLiteral}) {
    CHECK(status_of({step(kind, kMaxChunkCoded)}, models) == Status::ok);
    CHECK(status_of({step(kind, kMaxChunkCoded + 1)}, models) == Status::limit_exceeded);
    CHECK(status_of({step(kind, kMaxChunkCoded), step(kCopy, 5)}, models) == Status::ok);
    CHECK(status_of({step(kind, kMaxChunkCoded), step(kind, 1)}, models) ==
          Status::limit_exceeded);
  }
  CHECK(status_of({step(kCopy, kMaxChunkResult)}, models) == Status::ok);
  CHECK(status_of({step(kCopy, kMaxChunkResult + 1)}, models) == Status::limit_exceeded);
  CHECK(status_of({step(kCopy, kMaxChunkResult), step(kLiteral, 1)}, models) ==
        Status::limit_exceeded);
  const std::vector<Step> most(kMaxChunkSteps, step(kCopy, 1));
  CHECK(status_of(most, models) == Status::ok);
  std::vector<Step> more = most;
  more.push_back(step(kCopy, 1));
  CHECK(status_of(more, models) == Status::limit_exceeded);
  CHECK(status_of({}, models) == Status::limit_exceeded);
}

TEST_CASE("delta steps: unknown kinds, dtypes and predictors are refused") {
  const DeltaManifest models = manifest(1000, 1000);
  CHECK(status_of({step(static_cast<StepKind>(3), 10)}, models) == Status::malformed);
  CHECK(status_of({step(kPredict, 10, 0, Dtype::u8, Predictor::distant)}, models) ==
        Status::ok);
  CHECK(status_of({step(kPredict, 10, 991, Dtype::u8, Predictor::distant)}, models) ==
        Status::malformed);
  CHECK(status_of({step(kCopy, 10, 0, Dtype::opaque, static_cast<Predictor>(6))}, models) ==
        Status::unsupported_feature);
  CHECK(status_of({step(kCopy, 10, 0, static_cast<Dtype>(26), Predictor::bytes)}, models) ==
        Status::malformed);
  // Where no place and no derivation may be, no parameters are known: opaque bytes, one.
  CHECK(status_of_bytes({1, 1, 0, 0, 10, 0, 1, 1}) == Status::unsupported_feature);
}

TEST_CASE("delta steps: converted ones read what is converted, and no more") {
  const DeltaManifest models = manifest(1000, 1000);
  Step half = converted(100, 800, Dtype::f32, Dtype::f16);
  CHECK(status_of({half}, models) == Status::ok);
  CHECK(base_bytes_of(half, 1000) == 200);
  half.place = {5, 10, 5, 0, 0};
  CHECK(status_of({half}, models) == Status::ok);
  half.base_offset = 801;
  CHECK(status_of({half}, models) == Status::malformed);
  half.base_offset = UINT64_MAX;
  CHECK(status_of({half}, models) == Status::malformed);
  CHECK(status_of({converted(101, 0, Dtype::f32, Dtype::f16)}, models) ==
        Status::malformed);
  CHECK(status_of({converted(400, 798, Dtype::f16, Dtype::f32)}, models) == Status::ok);
  CHECK(status_of({converted(34, 0, Dtype::f32, Dtype::q8_0)}, models) == Status::ok);
  CHECK(status_of({converted(33, 0, Dtype::f32, Dtype::q8_0)}, models) ==
        Status::malformed);
  CHECK(status_of({converted(8, 0, Dtype::f32, Dtype::bf16, Rounding::zero)}, models) ==
        Status::ok);
}

TEST_CASE("delta steps: permuted ones read a whole tensor") {
  const DeltaManifest models = manifest(1000, 1000);
  const Permutation matrix = {2, 0, {10, 20}, {1, 0}};
  Step moved = permuted(400, 600, matrix);
  CHECK(status_of({moved}, models) == Status::ok);
  CHECK(base_bytes_of(moved, 1000) == 400);
  moved.place = {5, 10, 5, 0, 0};
  CHECK(status_of({moved}, models) == Status::ok);
  moved.base_offset = 601;
  CHECK(status_of({moved}, models) == Status::malformed);
  moved.base_offset = UINT64_MAX;
  CHECK(status_of({moved}, models) == Status::malformed);
  const auto status = [&](uint64_t length, const Permutation& permutation) {
    return status_of({permuted(length, 0, permutation)}, models);
  };
  CHECK(status(2, {2, 199, {10, 20}, {1, 0}}) == Status::ok);
  CHECK(status(4, {2, 199, {10, 20}, {1, 0}}) == Status::malformed);
  CHECK(status(399, matrix) == Status::malformed);
  CHECK(status(2, {2, 0, {10, 51}, {1, 0}}) == Status::malformed);
  CHECK(status(2, {2, 0, {10, 20}, {1, 1}}) == Status::malformed);
  CHECK(status(2, {0, 0, {}, {}}) == Status::malformed);
  Step bytes = permuted(400, 0, matrix);
  bytes.dtype = Dtype::opaque;
  CHECK(status_of({bytes}, models) == Status::malformed);
  const std::vector<Step> many(256, permuted(2, 0, matrix));
  CHECK(status_of(many, models) == Status::limit_exceeded);
}

TEST_CASE("delta steps: permuted ones may have picks, which are checked") {
  const DeltaManifest models = manifest(1000, 100000);
  const auto picked = [](uint32_t count, const std::vector<uint32_t>& picks) {
    Step step = permuted(20, 600, {2, 0, {10, 20}, {0, 1}, {0, count}});
    step.picks = picks;
    return step;
  };
  const Step step = picked(3, {19, 0, 1});
  CHECK(status_of({step}, models) == Status::ok);
  CHECK(base_bytes_of(step, 1000) == 400);
  CHECK(status_of({picked(3, {19, 20, 1})}, models) == Status::malformed);
  CHECK(status_of({picked(0, {})}, models) == Status::ok);
  constexpr uint32_t kHalf = kMaxChunkPicks / 2;
  const std::vector<uint32_t> many(kHalf, 7);
  CHECK(status_of({picked(kHalf, many), picked(kHalf, many)}, models) == Status::ok);
  CHECK(status_of({picked(kHalf, many), picked(kHalf, many), step}, models) ==
        Status::limit_exceeded);
  const std::vector<uint32_t> all(kMaxChunkPicks, 7);
  CHECK(status_of({picked(kMaxChunkPicks, all)}, models) == Status::ok);
}

TEST_CASE("delta steps: what predicts a permuted step are the elements in its order") {
  const Bytes base = {9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  Bytes made;
  const Step moved = permuted(10, 1, {2, 1, {2, 3}, {1, 0}});
  const ByteView view = predicting_view(moved, base, &made);
  CHECK(Bytes(view.begin(), view.end()) == Bytes{6, 7, 2, 3, 8, 9, 4, 5, 10, 11});
  CHECK(predicting_view_bytes(moved, base.size()) == 10);
  Step fewer = permuted(6, 1, {2, 1, {2, 3}, {0, 1}, {0, 2}});
  fewer.picks = {2, 0};
  const ByteView seen = predicting_view(fewer, base, &made);
  CHECK(Bytes(seen.begin(), seen.end()) == Bytes{0, 1, 10, 11, 6, 7});
}

TEST_CASE("delta steps: conversions that do not exist are refused") {
  // One step: predict, f16, converted, 8 bytes, from 0, then the parameters.
  const auto status = [](Bytes parameters) {
    Bytes payload = {1, 1, static_cast<uint8_t>(Dtype::f16), 3, 8, 0};
    payload.push_back(static_cast<uint8_t>(parameters.size()));
    payload.insert(payload.end(), parameters.begin(), parameters.end());
    return status_of_bytes(payload);
  };
  CHECK(status({11}) == Status::ok);
  CHECK(status({11, 5, 3, 2, 1, 4}) == Status::ok);
  for (const int conversion : {0, 2, 9, 11 + 128, 59, 127, 255}) {
    CHECK(status({static_cast<uint8_t>(conversion)}) == Status::malformed);
  }
  CHECK(status({}) == Status::malformed);
  CHECK(status({11, 5, 3, 2, 1}) == Status::malformed);
  CHECK(status({11, 5, 3, 2, 1, 4, 0}) == Status::malformed);
}

TEST_CASE("delta steps: places are read back, and refused where there are no elements") {
  const DeltaManifest models = manifest(1000, 1000);
  const TensorPlace place = {UINT64_MAX, 1, UINT64_MAX - 1, -128, 255};
  for (const StepKind kind : {kPredict, kLiteral}) {
    CHECK(status_of({placed(kind, Dtype::i8, place)}, models) == Status::ok);
    CHECK(status_of({placed(kind, Dtype::f32, {0, 0, 0, 0, 1})}, models) == Status::ok);
    CHECK(status_of({placed(kind, Dtype::opaque, place)}, models) ==
          Status::unsupported_feature);
  }
  CHECK(status_of({placed(kCopy, Dtype::i8, place)}, models) ==
        Status::unsupported_feature);
  for (const int32_t zero : {-129, 256, INT32_MIN, INT32_MAX}) {
    CHECK(status_of({placed(kPredict, Dtype::i8, {0, 0, 0, zero, 0})}, models) ==
          Status::malformed);
    CHECK(status_of({placed(kPredict, Dtype::i8, {0, 0, 0, 0, zero})}, models) ==
          Status::malformed);
  }
}

TEST_CASE("delta steps: parameters that are no place are refused") {
  // One step: literal, f32, same_value, 4 bytes, no base, then the parameters.
  const auto status = [](Bytes parameters, size_t length) {
    Bytes payload = {1, 2, static_cast<uint8_t>(Dtype::f32), 0, 4, 0};
    for (; length > 127; length >>= 7) {
      payload.push_back(static_cast<uint8_t>(length | 128));
    }
    payload.push_back(static_cast<uint8_t>(length));
    payload.insert(payload.end(), parameters.begin(), parameters.end());
    return status_of_bytes(payload);
  };
  CHECK(status({}, 0) == Status::ok);
  CHECK(status({5, 3, 2, 1, 4}, 5) == Status::ok);
  CHECK(status({0, 0, 0, 0, 0}, 5) == Status::ok);
  for (size_t length = 1; length < 5; ++length) {
    CHECK(status(Bytes(length, 1), length) == Status::malformed);
  }
  CHECK(status({5, 3, 2, 1, 4, 0}, 6) == Status::malformed);
  CHECK(status({5, 3, 2, 1, 4}, 6) == Status::truncated);
  CHECK(status({5, 3, 2, 1, 0xFF}, 5) == Status::malformed);
  CHECK(status(Bytes((1u << 18) + 1, 0), (1u << 18) + 1) == Status::limit_exceeded);
}

TEST_CASE("delta steps: sources of derived numbers are within the chunk, and known") {
  const DeltaManifest models = manifest(100, 1000);
  const Step eight = step(kLiteral, 8);
  CHECK(status_of({eight, derived(8, -8)}, models) == Status::ok);
  CHECK(status_of({eight, derived(8, -9)}, models) == Status::malformed);
  CHECK(status_of({eight, derived(8, -INT64_MAX)}, models) == Status::malformed);
  CHECK(status_of({derived(8, 8), eight}, models) == Status::ok);
  CHECK(status_of({derived(8, 9), eight}, models) == Status::malformed);
  CHECK(status_of({derived(8, INT64_MAX), eight}, models) == Status::malformed);
  CHECK(status_of({derived(8, 7), eight}, models) == Status::malformed);  // in part itself
  CHECK(status_of({eight, derived(8, -7)}, models) == Status::malformed);
  CHECK(status_of({eight, derived(8, 0)}, models) == Status::malformed);
  CHECK(status_of({step(kCopy, 5), step(kLiteral, 3), derived(8, -8)}, models) ==
        Status::ok);
  CHECK(status_of({eight, derived(8, -8), derived(8, -8)}, models) == Status::ok);
  CHECK(status_of({derived(8, 8), derived(8, 8), eight}, models) == Status::malformed);
}

TEST_CASE(
    "delta steps: derived numbers are whole and of f32; where the base has their like") {
  const DeltaManifest models = manifest(100, 1000);
  const auto status_with = [&](const Step& made) {
    return status_of({step(kLiteral, 40), made}, models);
  };
  CHECK(status_with(derived(8, -8, 100)) == Status::ok);
  CHECK(status_with(derived(8, -8, 101)) == Status::malformed);
  CHECK(status_with(derived(6, -8)) == Status::malformed);
  Step made = derived(8, -8);
  made.dtype = Dtype::i32;
  CHECK(status_with(made) == Status::malformed);
  made = derived(8, -8);
  made.parameters.push_back(0);
  CHECK(status_with(made) == Status::malformed);
  made.parameters.resize(5);
  CHECK(status_with(made) == Status::malformed);
  made.parameters.clear();
  CHECK(status_with(made) == Status::malformed);
  made = derived(8, -8);
  made.parameters[4] = 2;  // the direction
  CHECK(status_with(made) == Status::malformed);
  // A copy has no predictor, and nothing to tell it.
  Bytes payload = {1,
                   0,
                   static_cast<uint8_t>(Dtype::f32),
                   static_cast<uint8_t>(Predictor::derived),
                   8,
                   0,
                   static_cast<uint8_t>(derived(8, -8).parameters.size())};
  for (const uint8_t byte : derived(8, -8).parameters) payload.push_back(byte);
  CHECK(status_of_bytes(payload) == Status::unsupported_feature);
}

TEST_CASE("delta steps: every prefix and every added byte is refused") {
  const std::vector<Step> steps = {step(kCopy, 300, 200), step(kPredict, 40, 10),
                                   step(kLiteral, 5)};
  Bytes bytes = steps_to_bytes(steps);
  REQUIRE(status_of_bytes(bytes) == Status::ok);
  for (size_t length = 0; length < bytes.size(); ++length) {
    const Bytes prefix(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    REQUIRE(status_of_bytes(prefix) != Status::ok);
  }
  bytes.push_back(0);
  CHECK(status_of_bytes(bytes) == Status::trailing_bytes);
}

TEST_CASE("delta steps: a count without steps allocates nothing and is truncated") {
  CHECK(status_of_bytes({0x80, 0x80, 0x01}) == Status::truncated);       // 16384
  CHECK(status_of_bytes({0x81, 0x80, 0x01}) == Status::limit_exceeded);  // 16385
  CHECK(status_of_bytes({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}) ==
        Status::limit_exceeded);
}

TEST_CASE("delta steps: mutated chunks are refused or stay within all limits") {
  test::Random random = test::seeded("mutated steps");
  const DeltaManifest models = manifest(1000, 2000);
  const Bytes good = steps_to_bytes(
      {step(kCopy, 300, 200), step(kPredict, 40, 990, Dtype::opaque, Predictor::bytes),
       step(kLiteral, 5), step(kPredict, 400, 8),
       placed(kPredict, Dtype::i8, {1000, 20, 10, -128, 3}), derived(64, -300, 970),
       permuted(40, 800, {3, 5, {2, 5, 10}, {2, 0, 1}})});
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = good;
    for (uint64_t i = 1 + random.below(3); i > 0; --i) {
      bytes[random.below(bytes.size())] = random.byte();
    }
    const Status status = test::status_of([&] {
      uint64_t made = 0;
      for (const Step& read : steps_from_bytes(bytes, models, 500, "x")) {
        made += read.result_bytes;
        REQUIRE(read.result_bytes > 0);
        if (read.kind == kLiteral) continue;
        REQUIRE(range_fits(read.base_offset, base_bytes_of(read, 1000) > 3 ? 1 : 0, 1000));
        REQUIRE(read.base_offset + base_bytes_of(read, 1000) <= 1000);
      }
      REQUIRE(made <= 1500);
    });
    REQUIRE(status != Status::internal);
  }
}

TEST_CASE("delta steps: how many bytes of the base a step looks at") {
  CHECK(base_bytes_of(step(kLiteral, 10), 100) == 0);
  CHECK(base_bytes_of(step(kCopy, 10, 90), 100) == 10);
  CHECK(base_bytes_of(step(kPredict, 10, 80), 100) == 13);
  CHECK(base_bytes_of(step(kPredict, 10, 89), 100) == 11);
  CHECK(base_bytes_of(step(kPredict, 10, 95, Dtype::opaque, Predictor::bytes), 100) == 5);
  CHECK(base_bytes_of(step(kPredict, 10, 100, Dtype::opaque, Predictor::bytes), 100) == 0);
}
