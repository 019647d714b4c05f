#include "mallorn-delta/match.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/support/random.hpp"

using namespace mallorn;
using delta::MatchKind;
using delta::TensorMatch;

namespace {

// What a tensor holds is a number here, and where matching does not look.
Range tensor(const std::string& name, Dtype dtype, std::vector<uint64_t> shape,
             int32_t content) {
  Range range;
  range.kind = RangeKind::tensor;
  range.dtype = dtype;
  range.length_bytes = 4;
  for (const uint64_t dim : shape) range.length_bytes *= dim;
  range.shape = std::move(shape);
  if (!name.empty()) range.names = {name};
  range.quantization.axis = content;
  return range;
}

Manifest manifest_of(std::vector<Range> ranges) {
  Manifest manifest;
  for (Range& range : ranges) {
    range.offset_bytes = manifest.length_bytes;
    manifest.length_bytes += range.length_bytes;
    manifest.ranges.push_back(std::move(range));
  }
  return manifest;
}

int32_t content_of(const Range& range) { return range.quantization.axis; }

std::vector<size_t> contents_of(const Manifest& manifest) {
  std::vector<size_t> contents;
  for (const Range& range : manifest.ranges) {
    contents.push_back(range.length_bytes << 32 | static_cast<uint32_t>(content_of(range)));
  }
  return contents;
}

std::vector<TensorMatch> match(const Manifest& base, const Manifest& result,
                               const delta::Distance& distance) {
  return delta::match_tensors(base, result, {contents_of(base), contents_of(result)},
                              distance);
}

// All are strangers.
std::vector<TensorMatch> match(const Manifest& base, const Manifest& result) {
  return match(base, result,
               [](const Range&, const Range&) { return std::optional<uint64_t>(); });
}

TensorMatch match_one(const Range& base, const Range& result) {
  return match(manifest_of({base}), manifest_of({result})).at(0);
}

}  // namespace

TEST_CASE("match: vectors of scales are found as tensors are, but not as equal ones") {
  const auto scales = [](const std::string& name, uint64_t count, const char* role) {
    Range range = tensor(name, Dtype::f32, {count}, 0);
    range.kind = RangeKind::gap;
    range.role = role;
    return range;
  };
  const Range one = scales("a", 8, "scale");
  CHECK(is_channel_vector(one));
  CHECK_FALSE(is_channel_vector(scales("a", 7, "scale")));
  CHECK_FALSE(is_channel_vector(scales("a", 8, "zero_point")));
  CHECK_FALSE(is_channel_vector(tensor("a", Dtype::f32, {8}, 0)));
  CHECK(match_one(one, one).kind == MatchKind::name);
  CHECK(match_one(one, scales("a", 8, "min")).kind == MatchKind::none);
  CHECK(match_one(one, tensor("a", Dtype::f32, {8}, 0)).kind == MatchKind::none);
  CHECK(match_one(scales("a", 7, "scale"), scales("a", 7, "scale")).kind ==
        MatchKind::none);
}

TEST_CASE("match: the same bytes first, then the name, then dtype and shape") {
  const Range one = tensor("a", Dtype::f32, {2, 3}, 1);
  CHECK(match_one(one, tensor("a", Dtype::f32, {2, 3}, 1)).kind == MatchKind::equal);
  CHECK(match_one(one, tensor("b", Dtype::f32, {2, 3}, 1)).kind == MatchKind::equal);
  CHECK(match_one(one, tensor("a", Dtype::f32, {2, 3}, 2)).kind == MatchKind::name);
  CHECK(match_one(one, tensor("a", Dtype::f32, {5, 3}, 2)).kind ==
        MatchKind::name);  // it grew
  CHECK(match_one(one, tensor("b", Dtype::f32, {2, 3}, 2)).kind == MatchKind::shape);
  CHECK(match_one(one, tensor("b", Dtype::f32, {3, 2}, 2)).kind == MatchKind::none);
  CHECK(match_one(one, tensor("a", Dtype::i32, {2, 3}, 2)).kind == MatchKind::none);
}

TEST_CASE("match: gaps and empty tensors have none") {
  Range gap;
  gap.length_bytes = 10;
  const Range empty = tensor("a", Dtype::f32, {0}, 1);
  CHECK(match_one(gap, gap).kind == MatchKind::none);
  CHECK(match_one(empty, empty).kind == MatchKind::none);
  CHECK(match({}, {}).empty());
}

TEST_CASE("match: of equal bytes, those that share a name") {
  const Manifest base =
      manifest_of({tensor("a", Dtype::f32, {4}, 1), tensor("b", Dtype::f32, {4}, 1),
                   tensor("c", Dtype::f32, {4}, 1)});
  const Manifest result =
      manifest_of({tensor("c", Dtype::f32, {4}, 1), tensor("b", Dtype::f32, {4}, 1),
                   tensor("x", Dtype::f32, {4}, 1)});
  const std::vector<TensorMatch> matches = match(base, result);
  CHECK(matches[0].base_range == 2);
  CHECK(matches[1].base_range == 1);
  CHECK(matches[2].base_range == 0);  // the one not yet used
}

TEST_CASE("match: a tensor may serve several times for equal bytes, once otherwise") {
  const Manifest base = manifest_of({tensor("a", Dtype::f32, {4}, 1)});
  const Manifest equal =
      manifest_of({tensor("a", Dtype::f32, {4}, 1), tensor("b", Dtype::f32, {4}, 1)});
  for (const TensorMatch& match : match(base, equal)) {
    CHECK(match.kind == MatchKind::equal);
  }
  const Manifest other =
      manifest_of({tensor("a", Dtype::f32, {4}, 2), tensor("a", Dtype::f32, {4}, 3)});
  const std::vector<TensorMatch> matches = match(base, other);
  CHECK(matches[0].kind == MatchKind::name);
  CHECK(matches[1].kind == MatchKind::none);
}

TEST_CASE("match: duplicate names are taken one after the other") {
  const Manifest base =
      manifest_of({tensor("a", Dtype::f32, {4}, 1), tensor("a", Dtype::f32, {4}, 2)});
  const Manifest result =
      manifest_of({tensor("a", Dtype::f32, {4}, 3), tensor("a", Dtype::f32, {4}, 4)});
  const std::vector<TensorMatch> matches = match(base, result);
  CHECK(matches[0].base_range == 0);
  CHECK(matches[1].base_range == 1);
}

TEST_CASE("match: renamed tensors pair up in file order, by role as well") {
  std::vector<Range> old_ranges;
  std::vector<Range> new_ranges;
  for (uint8_t i = 0; i < 10; ++i) {
    old_ranges.push_back(tensor("MatMul_" + std::to_string(i), Dtype::f32, {8}, i));
    new_ranges.push_back(tensor("MatMul_" + std::to_string(i + 100), Dtype::f32, {8},
                                static_cast<uint8_t>(i + 100)));
  }
  new_ranges[4].role = "indices";
  const std::vector<TensorMatch> matches =
      match(manifest_of(old_ranges), manifest_of(new_ranges));
  for (size_t i = 0; i < 10; ++i) {
    CAPTURE(i);
    CHECK((matches[i].kind == MatchKind::shape) == (i != 4));
    if (i != 4) CHECK(matches[i].base_range == (i < 4 ? i : i - 1));
  }
}

TEST_CASE("match: whatever matches is a tensor, and used as often as allowed") {
  test::Random random = test::seeded("match");
  for (int round = 0; round < 200; ++round) {
    const auto some = [&] {
      std::vector<Range> ranges;
      for (uint64_t i = random.below(30); i > 0; --i) {
        ranges.push_back(tensor(std::string(1, static_cast<char>('a' + random.below(6))),
                                random.chance(2) ? Dtype::f32 : Dtype::i8,
                                {1 + random.below(3)},
                                static_cast<uint8_t>(random.below(8))));
        if (random.chance(4)) ranges.back().kind = RangeKind::gap;
      }
      return manifest_of(ranges);
    };
    const Manifest base = some();
    const Manifest result = some();
    const std::vector<TensorMatch> matches = match(base, result);
    REQUIRE(matches.size() == result.ranges.size());
    std::set<size_t> used;
    for (size_t i = 0; i < matches.size(); ++i) {
      if (matches[i].kind == MatchKind::none) continue;
      const Range& to = result.ranges[i];
      const Range& from = base.ranges.at(matches[i].base_range);
      REQUIRE(to.kind == RangeKind::tensor);
      REQUIRE(from.kind == RangeKind::tensor);
      if (matches[i].kind == MatchKind::equal) {
        REQUIRE(from.length_bytes == to.length_bytes);
        continue;
      }
      REQUIRE(from.dtype == to.dtype);  // those of other dtypes have no distance here
      REQUIRE(used.insert(matches[i].base_range).second);
    }
  }
}

// What is quadratic takes so long that the runner's timeout tells.
TEST_CASE("match: time stays near-linear with many tensors" *
          doctest::test_suite("figures")) {
  constexpr int32_t kCount = 300000;
  const auto many = [](int32_t model, bool has_names) {
    std::vector<Range> ranges;
    for (int32_t i = 0; i < kCount; ++i) {
      ranges.push_back(tensor(has_names ? "t" + std::to_string(i) : "", Dtype::f32, {4},
                              model == 0 ? 0 : model * kCount + i));
    }
    return manifest_of(ranges);
  };
  (void)match(many(1, true), many(2, true));
  (void)match(many(1, false), many(2, false));
  (void)match(many(0, true), many(0, true));  // all with equal bytes
  // Duplicate names are legal in GGUF, and shared buffers of TFLite have many names.
  const auto equal_names = [&](int32_t model) {
    Manifest manifest = many(model, false);
    for (Range& range : manifest.ranges) range.names = {"w"};
    return manifest;
  };
  (void)match(equal_names(1), equal_names(2));
  const auto many_names = [](char letter) {
    std::vector<Range> ranges(16, tensor("", Dtype::f32, {4}, 1));
    for (Range& range : ranges) {
      for (int i = 0; i < 10000; ++i) range.names.push_back(letter + std::to_string(i));
    }
    return manifest_of(ranges);
  };
  (void)match(many_names('a'), many_names('b'));
}

TEST_CASE("match: tensors of another dtype, by name or by what they hold") {
  // As below.
  const auto distance = [](const Range& from, const Range& range) {
    const int apart = std::abs(content_of(from) - content_of(range));
    return apart > 9 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(apart));
  };
  const auto halves = [](const std::string& name, std::vector<uint64_t> shape,
                         int32_t content) {
    Range range = tensor(name, Dtype::f16, std::move(shape), content);
    range.length_bytes /= 2;
    return range;
  };
  const Manifest base =
      manifest_of({tensor("a", Dtype::f32, {8}, 10), tensor("b", Dtype::f32, {8}, 20),
                   tensor("c", Dtype::f32, {8}, 30), tensor("d", Dtype::f32, {9}, 40),
                   tensor("e", Dtype::i32, {8}, 50), tensor("f", Dtype::f32, {8}, 60),
                   halves("f", {8}, 70)});
  const Manifest result =
      manifest_of({halves("a", {8}, 11), halves("b", {8}, 90), halves("x", {8}, 31),
                   halves("y", {8}, 40), halves("e", {8}, 50), halves("f", {8}, 61)});
  const std::vector<TensorMatch> matches = match(base, result, distance);
  CHECK(matches[0].kind == MatchKind::name);
  CHECK(matches[0].base_range == 0);
  CHECK(matches[1].kind == MatchKind::none);  // a stranger under the same name
  CHECK(matches[2].kind == MatchKind::content);
  CHECK(matches[2].base_range == 2);
  CHECK(matches[3].kind == MatchKind::none);  // of another length
  CHECK(matches[4].kind == MatchKind::none);  // integers become no floats
  CHECK(matches[5].kind == MatchKind::name);  // the same dtype comes first
  CHECK(matches[5].base_range == 6);
}

TEST_CASE("match: tensors under other names, in another order, by what they hold") {
  // The distance of two tensors is that of their contents; above 9 they are strangers.
  const auto distance = [](const Range& from, const Range& range) {
    const int apart = std::abs(content_of(from) - content_of(range));
    return apart > 9 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(apart));
  };
  const Manifest base = manifest_of(
      {tensor("a", Dtype::f32, {2, 3}, 10), tensor("b", Dtype::f32, {2, 3}, 20),
       tensor("c", Dtype::f32, {6, 1}, 30), tensor("d", Dtype::f32, {2, 3}, 40)});
  const Manifest result = manifest_of(
      {tensor("p", Dtype::f32, {2, 3}, 31), tensor("q", Dtype::f32, {2, 3}, 21),
       tensor("r", Dtype::f32, {2, 3}, 11), tensor("s", Dtype::f32, {2, 3}, 90)});
  const std::vector<TensorMatch> matches = match(base, result, distance);
  CHECK(matches[0].kind == MatchKind::content);
  CHECK(matches[0].base_range == 2);  // of another shape
  CHECK(matches[1].base_range == 1);
  CHECK(matches[2].base_range == 0);
  CHECK(matches[3].kind == MatchKind::shape);  // a stranger takes what is left
  CHECK(matches[3].base_range == 3);
}
