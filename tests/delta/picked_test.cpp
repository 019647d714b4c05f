#include "mallorn-delta/picked.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/explain.hpp"
#include "mallorn-delta/plan.hpp"
#include "tests/support/cut.hpp"
#include "tests/support/tensors.hpp"

using namespace mallorn;
using test::Bytes;
using test::model_of;
using test::Shape;
using test::Tensor;
using test::tuned;
using test::weights;

namespace {

using Indices = std::vector<uint32_t>;

// Elements as `permutation` has them, all of them.
Bytes moved(const Bytes& bytes, Permutation permutation, const Indices& picks,
            Dtype dtype = Dtype::f32) {
  size_t length = dtype_layout(dtype).block_bytes;
  for (uint32_t axis = 0; axis < permutation.axes; ++axis)
    length *= permutation.result_length(axis);
  Bytes made(length);
  permute(permutation, picks, dtype, bytes, made);
  return made;
}

// Most of the first `length` numbers, in their order.
Indices kept(test::Random& random, uint32_t length) {
  Indices indices;
  for (uint32_t i = 0; i < length; ++i) {
    if (!random.chance(4)) indices.push_back(i);
  }
  return indices;
}

Indices shuffled(test::Random& random, uint32_t length) {
  Indices indices(length);
  std::iota(indices.begin(), indices.end(), 0u);
  for (uint32_t i = length; i > 1; --i) std::swap(indices[i - 1], indices[random.below(i)]);
  return indices;
}

uint32_t count_of(const Indices& indices) { return static_cast<uint32_t>(indices.size()); }

// The one permuted step that makes all of the result; else one that is none.
Step only_step(const Model& base, const Model& result) {
  const delta::Plan plan = delta::make_plan(base, result);
  const bool is_whole = plan.steps.size() == 1 && is_permuted(plan.steps[0]);
  return is_whole ? plan.steps[0] : Step{};
}

}  // namespace

TEST_CASE("picked: columns that fell out, or stand in another order, of any type") {
  test::Random random = test::seeded("columns");
  for (const Dtype dtype :
       {Dtype::f32, Dtype::f16, Dtype::i8, Dtype::f64, Dtype::q8_0, Dtype::q4_0}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const uint64_t block = dtype_layout(dtype).block_elements;
    const Bytes old =
        block > 1 ? random.bytes(80 * 60 * width) : weights(random, 80 * 60, width);
    const Model base = model_of({{"w", {80, 60 * block}, old, dtype}});
    for (const Indices& picks : {kept(random, 60), shuffled(random, 60)}) {
      const Permutation permutation = {2, 0, {80, 60}, {0, 1}, {0, count_of(picks)}};
      for (const bool is_tuned : {false, true}) {
        if (is_tuned && block > 1) continue;
        Bytes bytes = moved(old, permutation, picks, dtype);
        if (is_tuned) bytes = tuned(random, bytes, width);
        const Step step =
            only_step(base, model_of({{"w", {80, picks.size() * block}, bytes, dtype}}));
        CHECK(step.permutation == permutation);
        CHECK(step.picks == picks);
      }
    }
  }
}

TEST_CASE("picked: axes that were mirrored, of kernels and vectors") {
  test::Random random = test::seeded("mirrored");
  Indices mirror(16);
  for (uint32_t i = 0; i < 16; ++i) mirror[i] = 15 - i;
  const Bytes kernel = weights(random, 16 * 16 * 9);
  const Model base = model_of({{"w", {16, 16, 3, 3}, kernel}});
  for (const Permutation& permutation :
       {Permutation{2, 0, {16, 144}, {0, 1}, {16, 0}},
        Permutation{3, 0, {16, 16, 9}, {0, 1, 2}, {0, 16, 0}}}) {
    const Bytes bytes = moved(kernel, permutation, mirror);
    const Step step = only_step(base, model_of({{"w", {16, 16, 3, 3}, bytes}}));
    CHECK(step.permutation == permutation);
    CHECK(step.picks == mirror);
  }
  const auto check_vector = [](const Bytes& vector, uint32_t count) {
    Indices turned(count);
    for (uint32_t i = 0; i < count; ++i) turned[i] = count - 1 - i;
    const Permutation whole = {1, 0, {count}, {0}, {count}};
    const Step step = only_step(model_of({{"b", {count}, vector}}),
                                model_of({{"b", {count}, moved(vector, whole, turned)}}));
    CHECK(step.permutation == whole);
  };
  check_vector(weights(random, 64), 64);
  test::Random few(1);  // one of twelve vectors of sixteen elements is not found
  check_vector(weights(few, 16), 16);
}

TEST_CASE("picked: what layers share is known when two axes have changed") {
  test::Random random = test::seeded("layers");
  const Indices outputs = kept(random, 64);
  const Indices inputs = kept(random, 48);
  const Bytes first = weights(random, 48 * 64);
  const Bytes second = weights(random, 64 * 48 * 9);
  const Model base =
      model_of({{"first", {48, 64}, first}, {"second", {64, 48, 3, 3}, second}});
  const Bytes narrow =
      moved(first, {2, 0, {48, 64}, {0, 1}, {count_of(inputs), 0}}, inputs);
  Indices both = outputs;
  both.insert(both.end(), inputs.begin(), inputs.end());
  const Permutation of_both = {
      3, 0, {64, 48, 9}, {0, 1, 2}, {count_of(outputs), count_of(inputs), 0}};
  const Model result = model_of(
      {{"first", {inputs.size(), 64}, narrow},
       {"second", {outputs.size(), inputs.size(), 3, 3}, moved(second, of_both, both)}});
  const delta::Plan plan = delta::make_plan(base, result);
  REQUIRE(plan.steps.size() == 2);
  CHECK(plan.steps[1].permutation == of_both);
  CHECK(plan.steps[1].picks == both);
  CHECK(delta::explain(base, result, plan).find("picked ") != std::string::npos);
}

TEST_CASE("picked: axes of more indices than a chunk has picks for, however short") {
  test::Random random = test::seeded("long");
  constexpr uint32_t kRows = kMaxChunkPicks + 100;
  constexpr uint32_t kColumns = kMaxChunkPicks / 2;
  for (const Dtype dtype : {Dtype::f32, Dtype::i8}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const uint32_t row = dtype == Dtype::f32 ? 4 : 8;
    const auto check = [&](const Shape& shape, const Permutation& permutation,
                           const Indices& picks) {
      const Bytes old = random.bytes(shape[0] * shape[1] * width);
      const Bytes made = moved(old, permutation, picks, dtype);
      Shape others = shape;
      others[permutation.picked[0] > 0 ? 0 : 1] = picks.size();
      const Model base = model_of({{"w", shape, old, dtype}});
      const delta::Plan plan =
          delta::make_plan(base, model_of({{"w", others, made, dtype}}));
      REQUIRE(plan.steps.size() == 1);
      CHECK(plan.steps[0].permutation == permutation);
      CHECK(plan.steps[0].picks == picks);
      Bytes again;
      for (const auto& chunk : test::cut_into_chunks(plan.steps, {})) {
        REQUIRE(chunk.size() == 1);
        CHECK(chunk[0].picks.size() <= kMaxChunkPicks);
        Bytes bytes;
        const ByteView view = predicting_view(chunk[0], old, &bytes);
        again.insert(again.end(), view.begin(), view.end());
      }
      CHECK(again == made);
    };
    for (const Indices& picks : {kept(random, kRows), shuffled(random, kRows)}) {
      check({kRows, row}, {2, 0, {kRows, row}, {0, 1}, {count_of(picks), 0}}, picks);
    }
    for (const Indices& picks : {kept(random, kColumns), shuffled(random, kColumns)}) {
      check({row, kColumns}, {2, 0, {row, kColumns}, {0, 1}, {0, count_of(picks)}}, picks);
    }
  }
}

TEST_CASE("picked: elements that have nothing to do with the base have none") {
  test::Random random = test::seeded("unrelated");
  for (const Dtype dtype : {Dtype::f32, Dtype::i8, Dtype::f16}) {
    const size_t width = dtype_layout(dtype).block_bytes;
    const Model base = model_of({{"w", {80, 60}, random.bytes(4800 * width), dtype}});
    const Model same = model_of({{"w", {80, 60}, random.bytes(4800 * width), dtype}});
    const Model fewer = model_of({{"w", {80, 50}, random.bytes(4000 * width), dtype}});
    CHECK(only_step(base, same).permutation.is_none());
    CHECK(only_step(base, fewer).permutation.is_none());
  }
}

TEST_CASE("picked: chunks have the picks of their rows, and no others") {
  test::Random random = test::seeded("chunks");
  constexpr uint32_t kRows = 3000;
  Step step;
  step.kind = StepKind::predict;
  step.predictor = Predictor::permuted;
  step.dtype = Dtype::f32;
  step.picks = shuffled(random, kRows);
  const Indices columns = kept(random, 300);
  step.picks.insert(step.picks.end(), columns.begin(), columns.end());
  step.permutation = {2, 0, {kRows, 300}, {0, 1}, {kRows, count_of(columns)}};
  step.result_bytes = 4 * kRows * columns.size();
  const Bytes tensor = weights(random, kRows * 300);
  Bytes whole;
  (void)predicting_view(step, tensor, &whole);
  Bytes joined;
  size_t picks = 0;
  const auto chunks = test::cut_into_chunks({step}, {});
  REQUIRE(chunks.size() > 2);
  for (const std::vector<Step>& chunk : chunks) {
    REQUIRE(chunk.size() == 1);
    REQUIRE(has_picks(chunk[0].permutation, chunk[0].picks));
    CHECK(chunk[0].picks.capacity() <= chunk[0].picks.size() * 2);
    uint64_t base_bytes = 0;
    REQUIRE(predicting_bytes(chunk[0], chunk[0].result_bytes, &base_bytes));
    Bytes made;
    (void)predicting_view(chunk[0], tensor, &made);
    joined.insert(joined.end(), made.begin(), made.end());
    picks += chunk[0].permutation.picked[0];
  }
  CHECK(joined == whole);
  CHECK(picks <= kRows + chunks.size());
}

namespace {

// Rows and columns of a matrix of 80 * 60 with new ones here and there.
struct Wider {
  uint64_t rows = 0;
  uint64_t columns = 0;
  Bytes bytes;
};
Wider wider(test::Random& random, const Bytes& old, size_t width) {
  constexpr uint32_t kNew = UINT32_MAX;
  const auto with_new = [&](uint32_t length) {
    Indices indices;
    for (uint32_t i = 0; i < length; ++i) {
      if (random.chance(8)) indices.push_back(kNew);
      indices.push_back(i);
    }
    return indices;
  };
  const Indices rows = with_new(80);
  const Indices columns = with_new(60);
  Wider made = {rows.size(), columns.size(),
                weights(random, rows.size() * columns.size(), width)};
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < columns.size(); ++k) {
      if (rows[i] == kNew || columns[k] == kNew) continue;
      std::copy_n(
          old.begin() + static_cast<ptrdiff_t>((rows[i] * 60 + columns[k]) * width), width,
          made.bytes.begin() + static_cast<ptrdiff_t>((i * columns.size() + k) * width));
    }
  }
  return made;
}

}  // namespace

TEST_CASE("picked: rows and columns that came in at once, or moved") {
  test::Random random = test::seeded("wider");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::i8}) {
    CAPTURE(dtype_layout(dtype).name);
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes old = weights(random, 80 * 60, width);
    const Model base = model_of({{"w", {80, 60}, old, dtype}});
    for (const bool is_tuned : {false, true}) {
      Wider made = wider(random, old, width);
      if (is_tuned) made.bytes = tuned(random, made.bytes, width);
      for (const std::string name : {"w", "v"}) {
        if (is_tuned && name == "v") continue;  // nothing tells of it
        const Step step = only_step(
            base, model_of({{name, {made.rows, made.columns}, made.bytes, dtype}}));
        REQUIRE(!step.permutation.is_none());
        CHECK(step.permutation.picked[0] == made.rows);
        CHECK(step.permutation.picked[1] == made.columns);
      }
    }
    const Indices rows = shuffled(random, 80);
    const Indices columns = shuffled(random, 60);
    Indices both = rows;
    both.insert(both.end(), columns.begin(), columns.end());
    const Permutation permutation = {2, 0, {80, 60}, {0, 1}, {80, 60}};
    const Step step = only_step(
        base, model_of({{"w", {80, 60}, moved(old, permutation, both, dtype), dtype}}));
    CHECK(step.permutation == permutation);
    CHECK(step.picks == both);
  }
}

TEST_CASE("picked: columns of few rows that moved and have changed a little") {
  test::Random random = test::seeded("few rows");
  for (const uint32_t rows : {16u, 32u, 50u}) {
    const Bytes old = weights(random, rows * 3000, 2);
    const Indices picks = shuffled(random, 3000);
    const Permutation permutation = {2, 0, {rows, 3000}, {0, 1}, {0, 3000}};
    const Bytes made = tuned(random, moved(old, permutation, picks, Dtype::f16), 2);
    const Step step = only_step(model_of({{"w", {rows, 3000}, old, Dtype::f16}}),
                                model_of({{"w", {rows, 3000}, made, Dtype::f16}}));
    CHECK(step.permutation == permutation);
    CHECK(step.picks == picks);
  }
}

TEST_CASE("picked: tensors are looked at a bounded number of times, all together") {
  test::Random random = test::seeded("looks");
  const Bytes old = weights(random, 80 * 60);
  const Bytes made = moved(old, {2, 0, {80, 60}, {0, 1}, {0, 60}}, shuffled(random, 60));
  const Model base = model_of({{"w", {80, 60}, old}});
  const Model result = model_of({{"w", {80, 60}, made}});
  delta::PickedTensors tensors(base, result);
  size_t found = 0;
  for (int i = 0; i < 100; ++i) {
    found += tensors.find(base.manifest.ranges[0], result.manifest.ranges[0]) ? 1 : 0;
  }
  CHECK(found >= 4);
  CHECK(found < 40);
}

TEST_CASE("picked: many axes that may each have changed in several ways") {
  test::Random random = test::seeded("ways");
  constexpr uint32_t kRow = 200;
  std::vector<Tensor> old;
  std::vector<Tensor> made;
  for (const Indices& kept : {Indices{1, 2}, Indices{0, 2}, Indices{2, 1}}) {
    const std::string name = "w" + std::to_string(old.size());
    old.push_back({name, {3, kRow}, weights(random, 3 * kRow)});
    const Permutation permutation = {2, 0, {3, kRow}, {0, 1}, {2, 0}};
    made.push_back({name, {2, kRow}, moved(old.back().bytes, permutation, kept)});
  }
  old.push_back({"odd", Shape(6, 3), weights(random, 729)});
  made.push_back({"odd", Shape(6, 2), weights(random, 64)});
  const Model base = model_of(old);
  const Model result = model_of(made);
  delta::PickedTensors tensors(base, result);
  const auto is_found = [&](size_t i) {
    return tensors.find(base.manifest.ranges[i], result.manifest.ranges[i]).has_value();
  };
  for (const size_t i : {0u, 1u, 2u}) CHECK(is_found(i));
  // There are 175,000 ways in which the six axes may have changed: so many are not tried.
  CHECK_FALSE(is_found(3));
  CHECK_FALSE(is_found(0));
}
