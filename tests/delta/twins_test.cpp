#include "mallorn-delta/twins.hpp"

#include <doctest/doctest.h>

#include "mallorn-delta/equal_tensors.hpp"
#include "tests/support/models.hpp"

using namespace mallorn;
using delta::Twin;
using test::Bytes;

namespace {

constexpr size_t kTensorBytes = 2048;
constexpr size_t kPitch = kTensorBytes + 4;

// Tensors of which those of one letter are equal, with a gap of four bytes, the next letter
// of `gaps` or '-', behind each.
Model lettered(const std::string& letters, const std::string& gaps = "",
               size_t length = kTensorBytes) {
  Bytes bytes;
  Manifest manifest;
  const auto add = [&](RangeKind kind, const Bytes& content) {
    Range range;
    range.kind = kind;
    range.offset_bytes = bytes.size();
    range.length_bytes = content.size();
    if (kind == RangeKind::tensor) range.dtype = Dtype::f16;
    manifest.ranges.push_back(range);
    bytes.insert(bytes.end(), content.begin(), content.end());
  };
  for (size_t i = 0; i < letters.size(); ++i) {
    test::Random random(static_cast<uint64_t>(letters[i]));
    add(RangeKind::tensor, random.bytes(length));
    add(RangeKind::gap, Bytes(4, static_cast<uint8_t>(i < gaps.size() ? gaps[i] : '-')));
  }
  return test::model_of(bytes, std::move(manifest));
}

std::vector<Twin> twins_of(const Model& model) {
  return delta::find_twins(model, delta::find_equal_tensors(model, model).result);
}

// As if they began at the tensors with these numbers.
Twin twin(uint64_t first, uint64_t offset, uint64_t tensors) {
  return {first * kPitch, offset * kPitch, tensors * kPitch - 4};
}

}  // namespace

TEST_CASE("twins: tensors that follow one another are one") {
  CHECK(twins_of(lettered("")).empty());
  CHECK(twins_of(lettered("abc")).empty());
  CHECK(twins_of(lettered("abca")) == std::vector{twin(0, 3, 1)});
  CHECK(twins_of(lettered("abcabc")) == std::vector{twin(0, 3, 3)});
  CHECK(twins_of(lettered("abcdbca")) == std::vector{twin(1, 4, 2), twin(0, 6, 1)});
}

TEST_CASE("twins: what is between tensors belongs to them, if it is equal, too") {
  CHECK(twins_of(lettered("abab", "xyxy")) == std::vector{twin(0, 2, 2)});
  CHECK(twins_of(lettered("abab", "xyzy")) == std::vector{twin(0, 2, 1), twin(1, 3, 1)});
}

TEST_CASE("twins: several have the same first, which is no other of any") {
  CHECK(twins_of(lettered("aaaa")) ==
        std::vector{twin(0, 1, 1), twin(0, 2, 1), twin(0, 3, 1)});
  CHECK(twins_of(lettered("ababab")) == std::vector{twin(0, 2, 2), twin(0, 4, 2)});
}

TEST_CASE("twins: short ones, and those that cost little, are not worth it") {
  CHECK(twins_of(lettered("aa", "", 1023)).empty());
  CHECK(twins_of(lettered("aa", "", 1024)).size() == 1);
  const Model model = lettered("abcab");
  const std::vector<Twin> all = twins_of(model);
  REQUIRE(all == std::vector{twin(0, 3, 2)});
  std::vector<uint64_t> costs(10);
  costs[0] = costs[2] = 1000;  // of the first
  costs[6] = 256;
  costs[8] = 255;
  CHECK(delta::costly_twins(all, model.manifest, costs).empty());
  costs[8] = 256;
  CHECK(delta::costly_twins(all, model.manifest, costs) == all);
}

TEST_CASE("twins: what is within the other of them") {
  const std::vector<Twin> twins = {{0, 100, 20}, {30, 120, 5}, {0, 200, 20}};
  for (const uint64_t at : {100, 119, 120, 124, 200, 219})
    CHECK(delta::is_other(twins, at));
  for (const uint64_t at : {0, 99, 125, 199, 220}) CHECK_FALSE(delta::is_other(twins, at));
}

TEST_CASE("twins: vectors that may be derived from each other are none, if they are near") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16}) {
    for (const size_t between : {size_t{200'000}, size_t{300'000}}) {
      CAPTURE(between);
      Bytes bytes = test::Random(75).bytes(2 * kTensorBytes + between);
      std::copy_n(bytes.begin(), kTensorBytes, bytes.end() - kTensorBytes);
      Manifest manifest;
      for (const size_t length : {kTensorBytes, between, kTensorBytes}) {
        Range range;
        range.kind = RangeKind::tensor;
        range.dtype = dtype;
        range.offset_bytes =
            manifest.ranges.empty()
                ? 0
                : manifest.ranges.back().offset_bytes + manifest.ranges.back().length_bytes;
        range.length_bytes = length;
        manifest.ranges.push_back(range);
      }
      const bool is_left = dtype == Dtype::f32 && between == 200'000;
      CHECK(twins_of(test::model_of(bytes, std::move(manifest))).size() ==
            (is_left ? 0 : 1));
    }
  }
}
