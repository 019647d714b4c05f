// DerivedModel: decoders mirror encoders, and what follows exactly is free.
#include "libcommon/core/derived_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

using Vectors = std::vector<std::vector<uint32_t>>;

Bytes encode(const Vectors& vectors) {
  const auto model = std::make_unique<DerivedModel>();
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  model->begin_chunk();
  for (const std::vector<uint32_t>& vector : vectors) {
    model->begin_step();
    for (const uint32_t correction : vector) model->code(encoder, correction);
  }
  encoder.finish();
  return coded;
}

}  // namespace

TEST_CASE("derived model: a decoder follows its encoder") {
  test::Random random = test::seeded("derived model");
  for (int round = 0; round < 30; ++round) {
    Vectors vectors(1 + random.below(5));
    for (std::vector<uint32_t>& vector : vectors) {
      vector.resize(random.below(300));
      const uint64_t least = random.below(32);
      for (uint32_t& correction : vector) {
        const auto size = static_cast<uint32_t>(random()) >> random.below(32 - least);
        correction = random.chance(2) ? size : 0 - size;
      }
    }
    const Bytes coded = encode(vectors);
    const auto model = std::make_unique<DerivedModel>();
    apply::RangeDecoder decoder(coded);
    model->begin_chunk();
    for (const std::vector<uint32_t>& vector : vectors) {
      model->begin_step();
      for (const uint32_t correction : vector)
        REQUIRE(model->code(decoder, 0) == correction);
    }
    REQUIRE(decoder.status() == Status::ok);
  }
}

TEST_CASE("derived model: numbers that are the product cost next to nothing") {
  CHECK(encode({std::vector<uint32_t>(1000)}).size() < 20);
  CHECK(encode({std::vector<uint32_t>(100000)}).size() < 100);
}

TEST_CASE("derived model: the extremes of a correction") {
  const Bytes coded = encode({{0, 1, UINT32_MAX, 0x7FFFFFFF, 0x80000000, 0x80000001}});
  const auto model = std::make_unique<DerivedModel>();
  apply::RangeDecoder decoder(coded);
  model->begin_chunk();
  model->begin_step();
  for (const uint32_t correction :
       {0u, 1u, UINT32_MAX, 0x7FFFFFFFu, 0x80000000u, 0x80000001u}) {
    CHECK(model->code(decoder, 0) == correction);
  }
}
