#include "libcommon/delta_stream.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/patch_format.hpp"
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

TEST_CASE("delta steps: unknown kinds, dtypes, predictors and parameters are refused") {
  const DeltaManifest models = manifest(1000, 1000);
  CHECK(status_of({step(static_cast<StepKind>(3), 10)}, models) == Status::malformed);
  CHECK(status_of({step(kCopy, 10, 0, Dtype::opaque, static_cast<Predictor>(2))}, models) ==
        Status::unsupported_feature);
  CHECK(status_of({step(kCopy, 10, 0, static_cast<Dtype>(26), Predictor::bytes)}, models) ==
        Status::malformed);
  Step with_parameters = step(kPredict, 10);
  with_parameters.parameters = {1};
  CHECK(status_of({with_parameters}, models) == Status::unsupported_feature);
  with_parameters.parameters.assign((1u << 16) + 1, 0);
  CHECK(status_of({with_parameters}, models) == Status::limit_exceeded);
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
       step(kLiteral, 5), step(kPredict, 400, 8)});
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
