#include "mallorn-delta/permuted.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "libcommon/core/patch_format.hpp"
#include "mallorn-delta/explain.hpp"
#include "mallorn-delta/plan.hpp"
#include "tests/support/cut.hpp"
#include "tests/support/steps.hpp"
#include "tests/support/tensors.hpp"

using namespace mallorn;
using test::Bytes;
using test::model_of;
using test::Shape;
using test::Tensor;
using test::tuned;
using test::weights;

namespace {

Bytes moved(const Bytes& bytes, const Permutation& permutation, Dtype dtype = Dtype::f32) {
  Bytes made(bytes.size());
  permute(permutation, {}, dtype, bytes, made);
  return made;
}

const Step* permuted_step(const delta::Plan& plan) {
  const auto found = std::ranges::find_if(plan.steps, is_permuted);
  return found == plan.steps.end() ? nullptr : &*found;
}

constexpr Permutation kMatrix = {2, 0, {40, 70}, {1, 0}};

}  // namespace

TEST_CASE("permuted: axes that stay together are one") {
  const auto found = [](const Shape& from, const std::vector<size_t>& order) {
    return delta::permutation_of(from, order);
  };
  CHECK(found({5, 7}, {1, 0}) == Permutation{2, 0, {5, 7}, {1, 0}});
  CHECK(found({8, 3, 5, 7}, {0, 2, 3, 1}) == Permutation{3, 0, {8, 3, 35}, {0, 2, 1}});
  CHECK(found({8, 3, 5, 7}, {2, 3, 1, 0}) == Permutation{3, 0, {8, 3, 35}, {2, 1, 0}});
  CHECK(found({8, 3, 5, 7}, {2, 3, 0, 1}) == Permutation{2, 0, {24, 35}, {1, 0}});
  CHECK(found({8, 3, 5, 7}, {3, 1, 0, 2}) == Permutation{4, 0, {8, 3, 5, 7}, {3, 1, 0, 2}});
  CHECK(found({8, 3, 5}, {0, 1, 2}).is_none());
  CHECK(found({2, 3, 5, 7, 9}, {4, 2, 0, 3, 1}).is_none());
}

TEST_CASE("permuted: a matrix is found that was transposed, equal or tuned, of any type") {
  test::Random random(1);
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i8, Dtype::f64}) {
    const size_t width = dtype_layout(dtype).block_bytes;
    const Bytes old = weights(random, 40 * 70, width);
    const Model base =
        model_of({{"a", {2, 300}, weights(random, 600)}, {"w", {40, 70}, old, dtype}});
    for (const bool is_tuned : {false, true}) {
      Bytes bytes = moved(old, kMatrix, dtype);
      if (is_tuned) bytes = tuned(random, bytes, width);
      for (const char* name : {"w", "MatMul_7"}) {
        const Model result = model_of({{name, {70, 1, 40}, bytes, dtype}});
        const delta::Plan plan = delta::make_plan(base, result);
        const Step* const step = permuted_step(plan);
        REQUIRE(step != nullptr);
        CHECK(step->permutation == kMatrix);
        CHECK(step->base_offset == 2400);
        CHECK(step->result_bytes == bytes.size());
        CHECK(step->place == TensorPlace{0, 40, 40, 0, 0});
        CHECK(plan.tensors[0].match.base_range == 1);
        const std::string table = delta::explain(base, result, plan);
        CHECK(table.find("permute") != std::string::npos);
        CHECK(table.find("(permuted 1,0)") != std::string::npos);
      }
    }
  }
}

TEST_CASE("permuted: channels first become channels last, of kernels with square sides") {
  test::Random random(2);
  const Bytes old = weights(random, 8 * 8 * 3 * 3);
  const Model base = model_of({{"w", {8, 8, 3, 3}, old}});
  const std::vector<std::vector<size_t>> orders = {
      {0, 2, 3, 1}, {2, 3, 1, 0}, {1, 0, 2, 3}, {1, 0, 3, 2}, {0, 1, 3, 2}};
  for (const std::vector<size_t>& order : orders) {
    Shape shape;
    for (const size_t axis : order) shape.push_back(axis < 2 ? 8 : 3);
    const Permutation permutation = delta::permutation_of({8, 8, 3, 3}, order);
    const Model result =
        model_of({{"w", shape, tuned(random, moved(old, permutation), 4)}});
    const delta::Plan plan = delta::make_plan(base, result);
    REQUIRE(permuted_step(plan) != nullptr);
    CHECK(permuted_step(plan)->permutation == permutation);
  }
}

TEST_CASE("permuted: layers of one shape each find their own") {
  test::Random random(3);
  std::vector<Tensor> old;
  std::vector<Tensor> transposed;
  for (int i = 0; i < 40; ++i) {
    const Bytes bytes = weights(random, 40 * 70);
    old.push_back({"old" + std::to_string(i), {40, 70}, bytes});
    transposed.push_back({"new" + std::to_string(i), {70, 40}, moved(bytes, kMatrix)});
  }
  const delta::Plan plan = delta::make_plan(model_of(old), model_of(transposed));
  REQUIRE(plan.tensors.size() == 40);
  for (size_t i = 0; i < 40; ++i) {
    CHECK(std::string(plan.tensors[i].method) == "permute");
    CHECK(plan.tensors[i].match.base_range == i);
  }
}

TEST_CASE("permuted: strangers, and what has a good match, are left alone") {
  test::Random random(4);
  const Bytes old = weights(random, 40 * 70);
  const Model base = model_of({{"w", {40, 70}, old}});
  const auto plan = [&](const Tensor& tensor) {
    return delta::make_plan(base, model_of({tensor}));
  };
  CHECK(permuted_step(plan({"w", {70, 40}, weights(random, 2800)})) == nullptr);
  CHECK(permuted_step(plan({"w", {40, 70}, tuned(random, old, 4)})) == nullptr);
  CHECK(permuted_step(plan({"w", {70, 40}, tuned(random, old, 4)})) == nullptr);
  // Another type, and shapes that are not those of the bytes.
  CHECK(permuted_step(plan({"w", {70, 40}, moved(old, kMatrix), Dtype::i32})) == nullptr);
  CHECK(permuted_step(plan({"w", {70, 41}, moved(old, kMatrix)})) == nullptr);
  CHECK(permuted_step(plan({"w", {1ull << 32, 1ull << 32}, moved(old, kMatrix)})) ==
        nullptr);
}

TEST_CASE("permuted: the parts of a step begin where the one before ended") {
  const Permutation matrix = {2, 0, {1000, 3000}, {1, 0}};
  Step whole =
      test::step(StepKind::predict, 12000000, 700, Dtype::f32, Predictor::permuted);
  whole.permutation = matrix;
  whole.place = {0, 1000, 1000, 0, 0};
  uint64_t made = 0;
  for (const std::vector<Step>& chunk : test::cut_into_chunks({whole}, {})) {
    REQUIRE(chunk.size() == 1);
    CHECK(chunk[0].base_offset == 700);
    CHECK(chunk[0].permutation.first == made / 4);
    CHECK(chunk[0].permutation.lengths == matrix.lengths);
    CHECK(chunk[0].place.first_element == made / 4);
    CHECK(made % 4000 == 0);
    made += chunk[0].result_bytes;
  }
  CHECK(made == 12000000);
}

TEST_CASE("permuted: a chunk has no more of them than it may have") {
  Step one = test::step(StepKind::predict, 80, 0, Dtype::f32, Predictor::permuted);
  one.permutation = {2, 0, {4, 5}, {1, 0}};
  const auto chunks = test::cut_into_chunks(std::vector<Step>(600, one), {});
  REQUIRE(chunks.size() == 3);
  CHECK(chunks[0].size() == kMaxChunkPermuted);
  CHECK(chunks[2].size() == 600 - 2 * kMaxChunkPermuted);
}
