// Which elements of a step are copied, because they are what predicts them.
#include <doctest/doctest.h>

#include "mallorn-delta/plan.hpp"
#include "tests/support/models.hpp"
#include "tests/support/steps.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

constexpr uint64_t kLength = 1u << 20;
constexpr uint64_t kAhead = 1000;  // of the base, before what predicts

// A result that is one step, which differs from what predicts it at these offsets.
struct OneStep {
  Bytes base;
  Bytes result;
  Step step = test::step(StepKind::predict, kLength, kAhead, Dtype::f32);

  explicit OneStep(const std::vector<uint64_t>& changed) {
    test::Random random(70);
    base = random.bytes(kAhead + kLength);
    result.assign(base.begin() + kAhead, base.end());
    for (const uint64_t at : changed) result[at] ^= 1;
  }

  std::vector<Step> run() const {
    const auto model = [](const Bytes& bytes) {
      Manifest manifest;
      manifest.ranges.push_back({});
      manifest.ranges[0].length_bytes = bytes.size();
      return test::model_of(bytes, std::move(manifest));
    };
    const std::vector<Step> steps =
        delta::copy_equal_runs({step}, model(base), model(result));
    uint64_t made = 0;
    for (const Step& each : steps) {
      CHECK(each.base_offset == step.base_offset + made);
      made += each.result_bytes;
    }
    CHECK(made == kLength);
    return steps;
  }

  // The lengths of all steps, those of copies negative.
  std::vector<int64_t> lengths() const {
    std::vector<int64_t> lengths;
    for (const Step& each : run()) {
      const auto length = static_cast<int64_t>(each.result_bytes);
      lengths.push_back(each.kind == StepKind::copy ? -length : length);
    }
    return lengths;
  }
};

using Lengths = std::vector<int64_t>;
constexpr int64_t kAll = kLength;

}  // namespace

TEST_CASE("equal runs: whole elements are copied, to the ends of the step") {
  CHECK(OneStep({}).lengths() == Lengths{-kAll});
  CHECK(OneStep({0}).lengths() == Lengths{4, 4 - kAll});
  CHECK(OneStep({kLength - 1}).lengths() == Lengths{4 - kAll, 4});
  CHECK(OneStep({500002}).lengths() == Lengths{-500000, 4, 500004 - kAll});
  CHECK(OneStep({500002, 500100, 700000}).lengths() ==
        Lengths{-500000, 700004 - 500000, 700004 - kAll});
}

TEST_CASE("equal runs: short ones stay in the step") {
  std::vector<uint64_t> changed;
  for (uint64_t at = 100'000; at < kLength; at += 200'000) changed.push_back(at);
  CHECK(OneStep(changed).lengths() == Lengths{kAll});
  CHECK(OneStep({0, 262'147, kLength - 500'000, kLength - 1}).lengths()[0] == 262'148);
  CHECK(OneStep({0, 262'148, kLength - 500'000, kLength - 1}).lengths()[0] == 4);
}

TEST_CASE("equal runs: rows that are not long stay whole, and say where they lie") {
  OneStep rows({500'002});
  rows.step.place.row_elements = 100;
  rows.step.place.first_element = 30;  // 120 bytes of the first row are before the step
  const std::vector<Step> steps = rows.run();
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].result_bytes == 499'880);
  CHECK(steps[0].place == TensorPlace{});
  CHECK(steps[1].result_bytes == 400);
  CHECK(steps[1].place.first_element == 30 + 499'880 / 4);
  CHECK(steps[1].place.row_elements == 100);
}

TEST_CASE("equal runs: other steps are left alone") {
  for (const Predictor predictor : {Predictor::bytes, Predictor::distant}) {
    OneStep other({});
    other.step.predictor = predictor;
    CHECK(other.lengths() == Lengths{kAll});
  }
}
