#include "mallorn-pack/section_sample.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("section sample: of every fourth run, whole rows") {
  const Bytes result = test::Random(1).bytes(1000);
  const Bytes base = test::Random(2).bytes(1000);
  const std::vector<pack::SectionPart> parts = {{900, {3, 30, 0, 0, 0}, {}}, {100, {}, {}}};
  const pack::SectionSample sample =
      pack::sample_of(Dtype::i8, parts, base, result, 100, 4);
  REQUIRE(sample.parts.size() == 2);
  CHECK(sample.parts[0].length_bytes == 90 + 90 + 90);
  CHECK(sample.parts[0].place.first_element == 3);
  CHECK(sample.parts[1].length_bytes == 100);
  const auto check = [](const Bytes& some, const Bytes& all) {
    REQUIRE(some.size() == 370);
    CHECK(std::equal(some.begin(), some.begin() + 90, all.begin()));
    CHECK(std::equal(some.begin() + 90, some.begin() + 180, all.begin() + 360));
    CHECK(std::equal(some.begin() + 180, some.begin() + 270, all.begin() + 720));
    CHECK(std::equal(some.begin() + 270, some.end(), all.begin() + 900));
  };
  check(sample.result, result);
  check(sample.base, base);
  CHECK(sample.scaled(37, 1000) == 100);
}

TEST_CASE("section sample: whole blocks, without a base") {
  const Bytes result = test::Random(1).bytes(10 * 18);
  const std::vector<pack::SectionPart> parts = {{result.size(), {}, {}}};
  const pack::SectionSample sample = pack::sample_of(Dtype::q4_0, parts, {}, result, 50, 2);
  CHECK(sample.base.empty());
  REQUIRE(sample.result.size() == 6 * 18);
  CHECK(std::equal(sample.result.begin() + 36, sample.result.begin() + 72,
                   result.begin() + 72));
}
