#include "mallorn-delta/equal_tensors.hpp"

#include <doctest/doctest.h>

#include <map>

#include "tests/support/models.hpp"

using namespace mallorn;
using delta::Contents;
using test::Bytes;

namespace {

Model tensors(const std::vector<Bytes>& contents) {
  Bytes bytes;
  Manifest manifest;
  for (const Bytes& content : contents) {
    Range range;
    range.kind = RangeKind::tensor;
    range.dtype = Dtype::i8;
    range.offset_bytes = bytes.size();
    range.length_bytes = content.size();
    manifest.ranges.push_back(range);
    bytes.insert(bytes.end(), content.begin(), content.end());
  }
  return test::model_of(bytes, std::move(manifest));
}

// Whether tensors have one number where their bytes are equal, and nowhere else.
bool is_right(const std::vector<Bytes>& base, const std::vector<Bytes>& result) {
  const Contents found = delta::find_equal_tensors(tensors(base), tensors(result));
  if (found.base.size() != base.size() || found.result.size() != result.size())
    return false;
  std::map<Bytes, size_t> numbers;
  std::map<size_t, Bytes> bytes;
  const auto fits = [&](const Bytes& content, size_t number) {
    return numbers.try_emplace(content, number).first->second == number &&
           bytes.try_emplace(number, content).first->second == content;
  };
  for (size_t i = 0; i < base.size(); ++i) {
    if (!fits(base[i], found.base[i])) return false;
  }
  for (size_t i = 0; i < result.size(); ++i) {
    if (!fits(result[i], found.result[i])) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("equal tensors: are found in either model, at any length") {
  test::Random random = test::seeded("equal tensors");
  for (const size_t length : {1, 63, 64, 65, 256, 257, 4000, 100'000}) {
    CAPTURE(length);
    const Bytes one = random.bytes(length);
    Bytes other = one;
    other.back() ^= 1;
    CHECK(is_right({}, {}));
    CHECK(is_right({one}, {}));
    CHECK(is_right({one, other}, {other, one, one}));
    CHECK(is_right({one}, {one}));
    CHECK(is_right({one}, {other}));
  }
}

TEST_CASE("equal tensors: those that differ in few places are told apart") {
  test::Random random = test::seeded("equal tensors, places");
  const Bytes one = random.bytes(5000);
  for (int round = 0; round < 50; ++round) {
    std::vector<Bytes> base;
    std::vector<Bytes> result;
    for (uint64_t i = 1 + random.below(12); i > 0; --i) {
      Bytes changed = one;
      changed[random.below(6) * 701] = static_cast<uint8_t>(random.below(3));
      (random.chance(2) ? base : result).push_back(std::move(changed));
    }
    REQUIRE(is_right(base, result));
  }
}

TEST_CASE("equal tensors: gaps are none, and equal to none") {
  Model model = tensors({Bytes(100, 1), Bytes(100, 1), Bytes(100, 1)});
  model.manifest.ranges[0].kind = RangeKind::gap;
  const Contents found = delta::find_equal_tensors(model, tensors({}));
  CHECK(found.base[1] == found.base[2]);
  CHECK(found.base.size() == 3);
}

// What is quadratic takes so long that the runner's timeout tells.
TEST_CASE("equal tensors: time stays near-linear where all are alike" *
          doctest::test_suite("figures")) {
  constexpr size_t kCount = 100'000;
  constexpr size_t kLength = 512;
  std::vector<Bytes> contents(kCount, Bytes(kLength));
  for (size_t i = 0; i < kCount; ++i) store_le(contents[i].data() + 80, i);
  CHECK(is_right(contents, contents));
}
