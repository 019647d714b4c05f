#include "mallorn-delta/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>

#include "libcommon/derivation.hpp"
#include "mallorn-delta/explain.hpp"
#include "tests/support/models.hpp"
#include "tests/support/weights.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// Steps tile the result in order, read inside the base, and copies are true.
void check(const std::vector<Step>& steps, ByteView base, ByteView result) {
  uint64_t at = 0;
  for (const Step& step : steps) {
    REQUIRE(step.result_bytes > 0);
    REQUIRE(step.result_bytes <= result.size() - at);
    if (step.kind == StepKind::literal) {
      REQUIRE(step.base_offset == 0);
    } else if (step.kind == StepKind::predict && !is_converted(step) &&
               !is_permuted(step) && step.predictor != Predictor::same_value) {
      REQUIRE(step.base_offset <= base.size());
    } else {
      uint64_t length = 0;
      REQUIRE(predicting_bytes(step, step.result_bytes, &length));
      REQUIRE(range_fits(step.base_offset, length, base.size()));
    }
    if (step.kind == StepKind::copy) {
      REQUIRE(memcmp(base.data() + step.base_offset, result.data() + at,
                     step.result_bytes) == 0);
    }
    at += step.result_bytes;
  }
  REQUIRE(at == result.size());
}

Range range_of(RangeKind kind, uint64_t offset, uint64_t length,
               Dtype dtype = Dtype::opaque, const std::string& name = "") {
  Range range;
  range.kind = kind;
  range.offset_bytes = offset;
  range.length_bytes = length;
  range.dtype = dtype;
  if (!name.empty()) range.names = {name};
  range.shape = {length};
  return range;
}

// A head of 1000 bytes, a tensor of 40000, a tail of 500.
Manifest three_ranges(Dtype dtype) {
  Manifest manifest;
  manifest.format = "gguf";
  manifest.ranges = {range_of(RangeKind::gap, 0, 1000),
                     range_of(RangeKind::tensor, 1000, 40000, dtype, "w"),
                     range_of(RangeKind::gap, 41000, 500)};
  return manifest;
}

}  // namespace

TEST_CASE("plan: steps tile the result for random models and manifests") {
  test::Random random = test::seeded("plan");
  for (int round = 0; round < 150; ++round) {
    const test::ModelPair pair = test::random_pair(random, 100000);
    const delta::Plan plan = delta::make_plan(pair.base, pair.result);
    check(plan.steps, pair.base.bytes(), pair.result.bytes());
    for (const delta::TensorPlan& tensor : plan.tensors) {
      REQUIRE(tensor.result_range < pair.result.manifest.ranges.size());
      REQUIRE(tensor.estimated_bytes >= 0);
    }
    CHECK_FALSE(delta::explain(pair.base, pair.result, plan).empty());
  }
}

TEST_CASE("plan: the same models give the same steps") {
  test::Random random = test::seeded("plan twice");
  for (int round = 0; round < 10; ++round) {
    const test::ModelPair pair = test::random_pair(random, 50000);
    REQUIRE(delta::make_plan(pair.base, pair.result).steps ==
            delta::make_plan(pair.base, pair.result).steps);
  }
}

TEST_CASE("plan: numbers that follow from others, wherever they are") {
  test::Random random(64);
  for (const RangeKind kind : {RangeKind::gap, RangeKind::tensor}) {
    Bytes bytes = random.bytes(1400);
    Manifest manifest;
    manifest.format = "tflite";
    manifest.ranges = {
        range_of(RangeKind::gap, 0, 100), range_of(kind, 100, 400, Dtype::f32, "half"),
        range_of(RangeKind::gap, 500, 500), range_of(kind, 1000, 400, Dtype::f32, "whole")};
    for (size_t i = 0; i < 400; i += 4) {
      const uint32_t whole = 0x3C000000 + static_cast<uint32_t>(random.below(1u << 23));
      store_le(bytes.data() + 1000 + i, whole);
      store_le(bytes.data() + 100 + i, whole - 0x00800000);
    }
    const Model base = test::model_of(random.bytes(1400), manifest);
    const Model result = test::model_of(bytes, manifest);
    const delta::Plan plan = delta::make_plan(base, result);
    check(plan.steps, base.bytes(), result.bytes());
    const auto derived = std::find_if(plan.steps.begin(), plan.steps.end(), is_derived);
    REQUIRE(derived != plan.steps.end());
    CHECK(derived->result_bytes == 400);
    CHECK(derived->dtype == Dtype::f32);
    Derivation derivation;
    REQUIRE(derivation_from_bytes(derived->parameters, &derivation));
    CHECK(derivation == Derivation{900, true, 0x3F000000});
    const std::string table = delta::explain(base, result, plan);
    CHECK(table.find("derived") != std::string::npos);
    CHECK(table.find("half = whole * 0.5") != std::string::npos);
  }
}

TEST_CASE("plan: identical models are one copy") {
  const Bytes bytes = test::Random(1).bytes(41500);
  for (const Dtype dtype : {Dtype::f32, Dtype::opaque}) {
    const delta::Plan plan = delta::make_plan(test::model_of(bytes, three_ranges(dtype)),
                                              test::model_of(bytes, three_ranges(dtype)));
    REQUIRE(plan.steps.size() == 1);
    CHECK(plan.steps[0].kind == StepKind::copy);
    CHECK(plan.steps[0].base_offset == 0);
  }
}

TEST_CASE("plan: a tensor that changed a little is predicted element by element") {
  test::Random random(2);
  const Bytes base = random.bytes(41500);
  Bytes result = base;
  for (size_t i = 1000; i < 41000; i += 4) ++result[i];
  const delta::Plan plan =
      delta::make_plan(test::model_of(base, three_ranges(Dtype::f32)),
                       test::model_of(result, three_ranges(Dtype::f32)));
  check(plan.steps, base, result);
  bool is_predicted = false;
  for (const Step& step : plan.steps) {
    is_predicted = is_predicted || (step.kind == StepKind::predict &&
                                    step.dtype == Dtype::f32 && step.result_bytes > 39000);
  }
  CHECK(is_predicted);
  REQUIRE(plan.tensors.size() == 1);
  CHECK(std::string(plan.tensors[0].method) == "predict");
  CHECK(plan.tensors[0].match.kind == delta::MatchKind::name);
}

namespace {

// The tensor of three_ranges(), of 10,000 elements in f32, as it is after a conversion,
// with the bytes around it.
Model converted_model(ByteView bytes, const Conversion& conversion, Dtype to) {
  Bytes made(bytes.begin(), bytes.begin() + 1000);
  Bytes elements(10000 / dtype_layout(to).block_elements * dtype_layout(to).block_bytes);
  uint64_t base_bytes = 0;
  REQUIRE(converted_from(conversion, to, elements.size(), &base_bytes));
  convert(conversion, to, bytes.subspan(1000, static_cast<size_t>(base_bytes)), elements);
  made.insert(made.end(), elements.begin(), elements.end());
  made.insert(made.end(), bytes.end() - 500, bytes.end());
  Manifest manifest = three_ranges(to);
  manifest.ranges[1].length_bytes = elements.size();
  manifest.ranges[1].shape = {100, 100};
  manifest.ranges[2].offset_bytes = 1000 + elements.size();
  return test::model_of(made, manifest);
}

// Bytes of which those of the tensor are weights of about one size.
Bytes weights(test::Random& random) {
  Bytes bytes = random.bytes(41500);
  for (size_t i = 1000; i < 41000; i += 4) {
    bytes[i + 3] = static_cast<uint8_t>(random.chance(2) ? 0x3C : 0xBC);
  }
  return bytes;
}

}  // namespace

TEST_CASE("plan: a tensor of another dtype is predicted by what it is converted from") {
  test::Random random(7);
  const Bytes bytes = weights(random);
  Manifest manifest = three_ranges(Dtype::f32);
  manifest.ranges[1].shape = {100, 100};
  const Model base = test::model_of(bytes, manifest);
  const Conversion nearest = {Dtype::f32};
  const Conversion zero = {Dtype::f32, Rounding::zero};
  for (const auto& [conversion, to] :
       {std::pair(nearest, Dtype::f16), std::pair(nearest, Dtype::bf16),
        std::pair(zero, Dtype::bf16)}) {
    const Model result = converted_model(bytes, conversion, to);
    const delta::Plan plan = delta::make_plan(base, result);
    check(plan.steps, base.bytes(), result.bytes());
    const auto step = std::find_if(plan.steps.begin(), plan.steps.end(), is_converted);
    REQUIRE(step != plan.steps.end());
    CHECK(step->result_bytes == 20000);
    CHECK(step->base_offset == 1000);
    CHECK(step->conversion == conversion);
    CHECK(step->place == TensorPlace{0, 100, 100, 0, 0});
    CHECK(plan.tensors.at(0).estimated_bytes == 0);
    const std::string table = delta::explain(base, result, plan);
    CHECK(table.find("name     convert") != std::string::npos);
    CHECK(table.find("w (f32)") != std::string::npos);
  }
  // Strangers are not.
  const Bytes other = weights(random);
  const Model stranger = converted_model(other, nearest, Dtype::f16);
  for (const Step& step : delta::make_plan(base, stranger).steps) {
    CHECK_FALSE(is_converted(step));
  }
}

TEST_CASE("plan: blocks whose scales are searched for are predicted by weights") {
  test::Random random(17);
  constexpr size_t kBlocks = 39;
  const test::SectionPair pair = test::make_weight_sections(random, Dtype::q4_k, kBlocks);
  Bytes old_bytes = random.bytes(1000);
  old_bytes.insert(old_bytes.end(), pair.base.begin(), pair.base.end());
  Bytes new_bytes(old_bytes.begin(), old_bytes.begin() + 1000);
  new_bytes.insert(new_bytes.end(), pair.result.begin(), pair.result.end());
  const auto model = [](const Bytes& bytes, Dtype dtype) {
    Manifest manifest = three_ranges(dtype);
    manifest.ranges.pop_back();
    manifest.ranges[1].length_bytes = bytes.size() - 1000;
    return test::model_of(bytes, manifest);
  };
  const Model base = model(old_bytes, Dtype::f32);
  const Model result = model(new_bytes, Dtype::q4_k);
  const delta::Plan plan = delta::make_plan(base, result);
  check(plan.steps, base.bytes(), result.bytes());
  const auto step = std::find_if(plan.steps.begin(), plan.steps.end(), is_converted);
  REQUIRE(step != plan.steps.end());
  CHECK(step->result_bytes == kBlocks * 144);
  CHECK(step->base_offset == 1000);
  CHECK(step->conversion == Conversion{Dtype::f32});
  CHECK(plan.tensors.at(0).estimated_bytes < kBlocks * 144 / 3);
  // Strangers are not.
  const test::SectionPair other = test::make_weight_sections(random, Dtype::q4_k, kBlocks);
  std::copy(other.result.begin(), other.result.end(), new_bytes.begin() + 1000);
  for (const Step& made : delta::make_plan(base, model(new_bytes, Dtype::q4_k)).steps) {
    CHECK_FALSE(is_converted(made));
  }
}

TEST_CASE("plan: scales that moved are predicted, one by one; those that did not, copied") {
  test::Random random(9);
  Manifest manifest;
  manifest.format = "tflite";
  manifest.ranges = {range_of(RangeKind::gap, 0, 100),
                     range_of(RangeKind::gap, 100, 400, Dtype::f32, "w"),
                     range_of(RangeKind::gap, 500, 100)};
  manifest.ranges[1].role = "scale";
  Bytes old = random.bytes(600);
  for (size_t i = 0; i < 100; ++i) {
    const float scale = 0.01f + 0.0001f * static_cast<float>(random.below(100));
    store_le(old.data() + 100 + 4 * i, std::bit_cast<uint32_t>(scale));
  }
  Bytes moved = old;
  for (size_t i = 0; i < 100; ++i) {
    const uint32_t bits = load_le<uint32_t>(old.data() + 100 + 4 * i);
    store_le(moved.data() + 100 + 4 * i,
             bits + 1 + static_cast<uint32_t>(random.below(900)));
  }
  const Model base = test::model_of(old, manifest);
  const Model result = test::model_of(moved, manifest);
  const delta::Plan plan = delta::make_plan(base, result);
  check(plan.steps, base.bytes(), result.bytes());
  REQUIRE(plan.steps.size() == 3);
  CHECK(plan.steps[1].kind == StepKind::predict);
  CHECK(plan.steps[1].dtype == Dtype::f32);
  CHECK(plan.steps[1].base_offset == 100);
  CHECK(plan.tensors.size() == 1);
  const delta::Plan same = delta::make_plan(base, test::model_of(old, manifest));
  REQUIRE(same.steps.size() == 1);
  CHECK(same.steps[0].kind == StepKind::copy);
}

TEST_CASE("plan: what a tensor of another dtype has gained is on its own") {
  test::Random random(8);
  const Bytes bytes = weights(random);
  Manifest manifest = three_ranges(Dtype::f32);
  const Model result = test::model_of(bytes, manifest);
  // Blocks of 32, from 6,400 of its numbers.
  Bytes before(200 * 34);
  convert({Dtype::f32}, Dtype::q8_0, ByteView(bytes).subspan(1000, 25600), before);
  Manifest of_blocks;
  of_blocks.format = "gguf";
  of_blocks.ranges = {range_of(RangeKind::tensor, 0, before.size(), Dtype::q8_0, "w")};
  const Model base = test::model_of(before, of_blocks);
  const delta::Plan plan = delta::make_plan(base, result);
  check(plan.steps, base.bytes(), result.bytes());
  const auto step = std::find_if(plan.steps.begin(), plan.steps.end(), is_converted);
  REQUIRE(step != plan.steps.end());
  CHECK(step->result_bytes == 25600);
  CHECK(step->conversion == Conversion{Dtype::q8_0});
  CHECK((step + 1)->kind == StepKind::literal);
  CHECK((step + 1)->dtype == Dtype::f32);
  CHECK((step + 1)->place.first_element == 6400);
}

TEST_CASE("plan: a tensor that resembles nothing has a base if it is asked for") {
  test::Random random(2);
  const Model base = test::model_of(random.bytes(41500), three_ranges(Dtype::f32));
  const Model result = test::model_of(random.bytes(41500), three_ranges(Dtype::f32));
  for (const bool uses_distant : {false, true}) {
    const delta::Plan plan = delta::make_plan(base, result, {uses_distant});
    check(plan.steps, base.bytes(), result.bytes());
    size_t distant = 0;
    for (const Step& step : plan.steps) {
      distant += step.kind == StepKind::predict && step.predictor == Predictor::distant;
    }
    CHECK(distant == (uses_distant ? 1 : 0));
    REQUIRE(plan.tensors.size() == 1);
    CHECK(std::string(plan.tensors[0].method) == (uses_distant ? "distant" : "literal"));
  }
}

TEST_CASE("plan: steps say where in their tensor they are, and its zero points") {
  test::Random random(2);
  const Bytes base = random.bytes(41500);
  Bytes result = base;
  for (size_t i = 1000; i < 41000; i += 4) ++result[i];
  const auto place_of = [&](Manifest before, Manifest after) {
    const delta::Plan plan =
        delta::make_plan(test::model_of(base, before), test::model_of(result, after));
    check(plan.steps, base, result);
    for (const Step& step : plan.steps) {
      if (step.dtype == Dtype::i8) return step.place;
      REQUIRE(step.place == TensorPlace{});
    }
    return TensorPlace{};
  };
  Manifest before = three_ranges(Dtype::i8);
  Manifest after = before;
  CHECK(place_of(before, after) == TensorPlace{0, 1, 40000, 0, 0});
  before.ranges[1].shape = after.ranges[1].shape = {1, 40, 10, 1, 100, 1};
  before.ranges[1].quantization.zero_points = {-128};
  after.ranges[1].quantization.zero_points = {255};
  CHECK(place_of(before, after) == TensorPlace{0, 1000, 100, -128, 255});
  before.ranges[1].quantization.zero_points = {-129};  // no number that fits
  after.ranges[1].quantization.zero_points = {1, 2};   // no single one
  CHECK(place_of(before, after) == TensorPlace{0, 1000, 100, 0, 0});
  before.ranges[1].shape = after.ranges[1].shape = {};
  CHECK(place_of(before, after) == TensorPlace{});
  before.ranges[1].shape = after.ranges[1].shape = {UINT64_MAX, 2};  // overflows
  CHECK(place_of(before, after) == TensorPlace{});
}

TEST_CASE("plan: a longer head moves the tensors, which are copied all the same") {
  test::Random random(3);
  const Bytes base = random.bytes(41500);
  Bytes result = base;
  const Bytes more = random.bytes(320);
  result.insert(result.begin() + 500, more.begin(), more.end());
  Manifest manifest = three_ranges(Dtype::f16);
  manifest.ranges[0].length_bytes += 320;
  manifest.ranges[1].offset_bytes += 320;
  manifest.ranges[2].offset_bytes += 320;
  const delta::Plan plan = delta::make_plan(test::model_of(base, three_ranges(Dtype::f16)),
                                            test::model_of(result, manifest));
  check(plan.steps, base, result);
  uint64_t copied = 0;
  for (const Step& step : plan.steps)
    copied += step.kind == StepKind::copy ? step.result_bytes : 0;
  CHECK(copied > 41300);
}

TEST_CASE("plan: from nothing everything is literal, to nothing there are no steps") {
  const Bytes bytes = test::Random(4).bytes(41500);
  const Model empty = test::model_of({}, {});
  const delta::Plan plan =
      delta::make_plan(empty, test::model_of(bytes, three_ranges(Dtype::f32)));
  check(plan.steps, {}, bytes);
  for (const Step& step : plan.steps) CHECK(step.kind == StepKind::literal);
  CHECK(delta::make_plan(test::model_of(bytes, three_ranges(Dtype::f32)), empty)
            .steps.empty());
}

TEST_CASE("explain: one line per tensor, names made harmless") {
  const Bytes bytes = test::Random(6).bytes(41500);
  Manifest manifest = three_ranges(Dtype::f32);
  manifest.ranges[1].names = {"a\x1B[31m"};
  const Model base = test::model_of(bytes, three_ranges(Dtype::f32));
  const Model result = test::model_of(bytes, manifest);
  const std::string text = delta::explain(base, result, delta::make_plan(base, result));
  CHECK(text.find('\x1B') == std::string::npos);
  CHECK(text.find("equal") != std::string::npos);
  CHECK(text.find("40,000") != std::string::npos);
  CHECK(text.find("a\\x1b[31m <- w") != std::string::npos);
}

TEST_CASE("plan: arrays of a sparse tensor are elements, however short, and stay whole") {
  const auto array = [](uint64_t offset, uint64_t length, Dtype dtype,
                        const std::string& role) {
    Range range = range_of(RangeKind::tensor, offset, length, dtype, "w");
    range.role = role;
    return range;
  };
  test::Random random(81);
  Manifest manifest;
  manifest.format = "tflite";
  manifest.ranges = {
      range_of(RangeKind::gap, 0, 100),       array(100, 1000, Dtype::u8, "indices"),
      range_of(RangeKind::gap, 1100, 12),     array(1112, 20, Dtype::u16, "segments"),
      array(1132, 30, Dtype::u8, "segments"), array(1162, 500, Dtype::u8, "indices"),
      array(1662, 500, Dtype::u8, "indices"), array(2162, 100, Dtype::f32, "values"),
      array(2262, 70, Dtype::u16, "segments")};
  const Model base = test::model_of(random.bytes(2332), manifest);
  const Model result = test::model_of(random.bytes(2332), manifest);
  const delta::Plan plan = delta::make_plan(base, result);
  check(plan.steps, base.bytes(), result.bytes());
  REQUIRE(plan.whole.size() == 2);
  CHECK(plan.whole[0].offset == 100);
  CHECK(plan.whole[0].length == 1032);
  CHECK(plan.whole[1].offset == 1132);
  CHECK(plan.whole[1].length == 530);
  const auto steps_of = [&](Dtype dtype, uint64_t length) {
    return std::count_if(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
      return step.dtype == dtype && step.result_bytes == length;
    });
  };
  CHECK(steps_of(Dtype::u8, 1000) == 1);
  CHECK(steps_of(Dtype::u16, 20) == 1);
  CHECK(steps_of(Dtype::u8, 30) == 1);
}

TEST_CASE("plan: indices are predicted only if that is better than a mask") {
  test::Random random(82);
  Manifest manifest = three_ranges(Dtype::u8);
  manifest.format = "tflite";
  Bytes old_bytes = random.bytes(41500);
  const auto kind_of_step = [&](uint64_t rarity) {
    const Model base = test::model_of(old_bytes, manifest);
    Bytes changed = old_bytes;
    for (size_t i = 1000; i < 41000; ++i) {
      if (random.chance(rarity)) changed[i] = static_cast<uint8_t>(random.below(256));
    }
    const Model result = test::model_of(changed, manifest);
    return std::string(delta::make_plan(base, result).tensors.at(0).method);
  };
  CHECK(kind_of_step(2) == "predict");
  manifest.ranges[1].role = "indices";
  CHECK(kind_of_step(2) == "literal");
  CHECK(kind_of_step(20) == "predict");
}
