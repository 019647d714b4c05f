// What looks like weights in a file that no parser knows.
#include "mallorn-parse/element_runs.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <string>

#include "tests/support/random.hpp"

using namespace mallorn;
using parse::ElementRun;
using parse::find_element_runs;
using test::Bytes;

namespace {

// About as weights are distributed: a sum of uniform numbers.
float weight(test::Random& random) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) {
    sum += static_cast<float>(random.below(2001)) / 1000 - 1;
  }
  return sum / 20;
}

void append(uint32_t value, size_t width, Bytes* to) {
  for (size_t i = 0; i < width; ++i) to->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

Bytes f32_weights(test::Random& random, size_t count) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    append(std::bit_cast<uint32_t>(weight(random)), 4, &bytes);
  }
  return bytes;
}

// `weight` makes the bits of one.
template <typename Weight>
Bytes f64_weights(size_t count, Weight weight) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint64_t>(weight());
    append(static_cast<uint32_t>(bits), 4, &bytes);
    append(static_cast<uint32_t>(bits >> 32), 4, &bytes);
  }
  return bytes;
}

Bytes bf16_weights(test::Random& random, size_t count) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    append(std::bit_cast<uint32_t>(weight(random)) >> 16, 2, &bytes);
  }
  return bytes;
}

// Of normal numbers, rounded down.
Bytes f16_weights(test::Random& random, size_t count) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint32_t>(weight(random));
    const uint32_t exponent = bits >> 23 & 0xff;
    const uint32_t magnitude =
        exponent < 113 ? 0 : (exponent - 112) << 10 | (bits >> 13 & 0x3ff);
    append(bits >> 31 << 15 | magnitude, 2, &bytes);
  }
  return bytes;
}

Bytes i8_weights(test::Random& random, size_t count) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    append(static_cast<uint32_t>(static_cast<int32_t>(weight(random) * 600)), 1, &bytes);
  }
  return bytes;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("element runs: weights of each type are known, wherever they begin") {
  test::Random random = test::seeded("element runs");
  const auto found = [](const Bytes& file) {
    const std::vector<ElementRun> runs = find_element_runs(file);
    return runs.size() == 1 ? runs.front() : ElementRun{};
  };
  const Bytes f32 = f32_weights(random, 20000);
  const Bytes f64 = f64_weights(10000, [&] {
    return double{weight(random)} + static_cast<double>(random.below(1u << 30)) * 1e-17;
  });
  const Bytes widened = f64_weights(10000, [&] { return double{weight(random)}; });
  const Bytes bf16 = bf16_weights(random, 40000);
  const Bytes f16 = f16_weights(random, 40000);
  const Bytes i8 = i8_weights(random, 80000);
  for (size_t before = 0; before < 10; ++before) {
    const Bytes head(before, 'x');
    const uint64_t first = before % 4;
    for (const Bytes& doubles : {f64, widened}) {
      CHECK(found(joined({head, doubles})) ==
            ElementRun{before % 8, before / 8 * 8 + 80000, Dtype::f64});
    }
    CHECK(found(joined({head, f32})) ==
          ElementRun{first, before + 80000 - first, Dtype::f32});
    CHECK(found(joined({head, bf16})).dtype == Dtype::bf16);
    CHECK(found(joined({head, bf16})).offset_bytes == before % 2);
    CHECK(found(joined({head, f16})).dtype == Dtype::f16);
    CHECK(found(joined({head, f16})).offset_bytes == before % 2);
    CHECK(found(joined({head, i8})) == ElementRun{0, before + 80000, Dtype::i8});
  }
}

TEST_CASE("element runs: what is no weights is left alone") {
  test::Random random = test::seeded("no element runs");
  CHECK(find_element_runs({}).empty());
  CHECK(find_element_runs(Bytes(100000)).empty());
  CHECK(find_element_runs(random.bytes(100000)).empty());
  CHECK(find_element_runs(random.text(100000)).empty());
  CHECK(find_element_runs(f32_weights(random, 1000)).empty());  // too short to tell
  Bytes indices;
  for (uint32_t i = 0; i < 30000; ++i) append(i * 7, 4, &indices);
  CHECK(find_element_runs(indices).empty());
}

TEST_CASE("element runs: a file may hold several, and text among them") {
  test::Random random = test::seeded("several element runs");
  const Bytes file = joined({random.text(10000), f32_weights(random, 20000),
                             random.text(20000), bf16_weights(random, 30000)});
  const std::vector<ElementRun> runs = find_element_runs(file);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].dtype == Dtype::f32);
  CHECK(runs[0].offset_bytes >= 8192);
  CHECK(runs[0].offset_bytes % 4 == 10000 % 4);
  CHECK(runs[0].length_bytes > 70000);
  CHECK(runs[1].dtype == Dtype::bf16);
  CHECK(runs[1].offset_bytes + runs[1].length_bytes == file.size());
}

TEST_CASE("element runs: few strange blocks do not cut a run, a multiple of 16 MiB does") {
  test::Random random = test::seeded("long element runs");
  Bytes file = f32_weights(random, 5u << 20);
  std::fill(file.begin() + (1 << 20), file.begin() + (1 << 20) + 20000, uint8_t{0});
  const std::vector<ElementRun> runs = find_element_runs(file);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0] == ElementRun{0, 16u << 20, Dtype::f32});
  CHECK(runs[1] == ElementRun{16u << 20, 4u << 20, Dtype::f32});
}
