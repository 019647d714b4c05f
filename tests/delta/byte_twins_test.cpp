#include <doctest/doctest.h>

#include "mallorn-delta/twins.hpp"
#include "tests/support/models.hpp"

using namespace mallorn;
using delta::Twin;
using test::Bytes;

namespace {

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes bytes;
  for (const Bytes& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

std::vector<Twin> twins_of(const std::vector<Bytes>& parts) {
  const Bytes bytes = joined(parts);
  Manifest manifest;
  manifest.format = "raw";
  manifest.ranges.push_back({});
  manifest.ranges[0].length_bytes = bytes.size();
  const std::vector<Twin> twins = delta::find_byte_twins(
      test::model_of(bytes, std::move(manifest)),
      {{0, bytes.size() / 3}, {bytes.size() / 3, bytes.size() - bytes.size() / 3}});
  uint64_t done = 0;
  for (const Twin& twin : twins) {  // what each of them promises
    CHECK(twin.offset >= done);
    done = twin.offset + twin.length;
    CHECK(twin.first + twin.length <= twin.offset);
    CHECK(memcmp(bytes.data() + twin.first, bytes.data() + twin.offset, twin.length) == 0);
    for (const Twin& other : twins) {
      CHECK((other.offset >= twin.first + twin.length ||
             other.offset + other.length <= twin.first));
    }
  }
  return twins;
}

}  // namespace

TEST_CASE("byte twins: equal ranges are found to their ends, at any distance") {
  test::Random random(71);
  const Bytes a = random.bytes(20'000);
  const Bytes b = random.bytes(9001);
  const Bytes c = random.bytes(50'003);
  CHECK(twins_of({a, b, c}).empty());
  CHECK(twins_of({b, a, c, a}) == std::vector<Twin>{{9001, 79'004, 20'000}});
  CHECK(twins_of({a, a}) == std::vector<Twin>{{0, 20'000, 20'000}});
  CHECK(twins_of({a, b, a, a}) ==
        std::vector<Twin>{{0, 29'001, 20'000}, {0, 49'001, 20'000}});
}

TEST_CASE("byte twins: what is made by another range makes none") {
  test::Random random(72);
  const Bytes x = random.bytes(8000);
  const Bytes y = random.bytes(9000);
  const Bytes t = random.bytes(10'000);
  CHECK(twins_of({t, x, t, y, x, t, y}) == std::vector<Twin>{{0, 18'000, 10'000},
                                                             {10'000, 37'000, 8000},
                                                             {0, 45'000, 10'000},
                                                             {28'000, 55'000, 9000}});
}

TEST_CASE("byte twins: short ones, and repeated words, are none") {
  test::Random random(73);
  const Bytes a = random.bytes(4000);
  CHECK(twins_of({a, random.bytes(100), a}).empty());
  CHECK(twins_of({Bytes(100'000, 0), random.bytes(10), Bytes(100'000, 0)}).empty());
  for (const uint64_t length : {0, 1, 7, 8, 9}) CHECK(twins_of({Bytes(length, 3)}).empty());
}

TEST_CASE("byte twins: what has a period is covered in linear time") {
  test::Random random(74);
  const Bytes period = random.bytes(5000);
  const std::vector<Twin> twins = twins_of(std::vector<Bytes>(400, period));
  uint64_t made = 0;
  for (const Twin& twin : twins) made += twin.length;
  CHECK(made >= 398 * 5000);
}
