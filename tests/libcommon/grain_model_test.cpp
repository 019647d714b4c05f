// GrainModel: each float is told from those that share its order, in as many bits as there
// are; orders of a grain grow with floats.
#include "libcommon/core/grain_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

constexpr FloatFormat kGrainFormats[] = {kF16, kBf16, kF32};

// Counts the bits that are coded as they are.
struct RawCounter {
  uint32_t raw = 0;
  uint32_t code(uint32_t, uint32_t bit) { return bit; }
  uint32_t code_bits(uint32_t bits, uint32_t count) {
    raw += count;
    return bits;
  }
};

uint32_t any_grain(test::Random& random, FloatFormat format) {
  return 1 + static_cast<uint32_t>(random.below(max_grain(format)));
}

}  // namespace

TEST_CASE("grain: orders grow with floats, and whole floats have one each") {
  test::Random random = test::seeded("grain orders");
  for (const FloatFormat format : kGrainFormats) {
    for (int i = 0; i < 20000; ++i) {
      const uint32_t grain = any_grain(random, format);
      const uint64_t bits = random() & (format.sign() - 1);
      const int64_t order = to_order(format, bits, grain);
      REQUIRE(to_order(format, bits | format.sign(), grain) == -1 - order);
      if (bits == 0) continue;
      const int64_t step = order - to_order(format, bits - 1, grain);
      REQUIRE(step == (is_whole(format, bits, grain) ? 1 : step & 1));
    }
  }
}

TEST_CASE("grain: grain 1 is the order of all floats") {
  test::Random random = test::seeded("grain 1");
  for (const FloatFormat format : kGrainFormats) {
    for (int i = 0; i < 5000; ++i) {
      const uint64_t bits = random() & (2 * format.sign() - 1);
      REQUIRE(to_order(format, bits, 1) == to_order(format, bits));
    }
  }
}

TEST_CASE("grain model: every f16 comes back, whatever the grain") {
  const auto model = std::make_unique<GrainModel>();
  for (uint32_t grain = 1; grain <= max_grain(kF16); ++grain) {
    for (uint64_t bits = 0; bits < 65536; bits += 7) {
      RawCounter counter;
      const int64_t order = to_order(kF16, bits, grain);
      REQUIRE(model->code(counter, kF16, grain, order, bits) == bits);
      REQUIRE(counter.raw <= 10);
      if (is_whole(kF16, bits & 0x7FFF, grain)) REQUIRE(counter.raw == 0);
    }
  }
}

TEST_CASE("grain model: what is written is read") {
  test::Random random = test::seeded("grain model");
  for (const FloatFormat format : kGrainFormats) {
    std::vector<uint32_t> grains;
    std::vector<uint64_t> floats;
    std::vector<uint8_t> coded;
    pack::RangeEncoder encoder(coded);
    const auto writer = std::make_unique<GrainModel>();
    for (int i = 0; i < 3000; ++i) {
      grains.push_back(any_grain(random, format));
      floats.push_back(random() & (2 * format.sign() - 1));
      const int64_t order = to_order(format, floats.back(), grains.back());
      REQUIRE(writer->code_stays(encoder, i % 3 == 0) == (i % 3 == 0));
      REQUIRE(writer->code(encoder, format, grains.back(), order, floats.back()) ==
              floats.back());
    }
    encoder.finish();
    apply::RangeDecoder decoder(coded);
    const auto reader = std::make_unique<GrainModel>();
    for (size_t i = 0; i < floats.size(); ++i) {
      const int64_t order = to_order(format, floats[i], grains[i]);
      REQUIRE(reader->code_stays(decoder, false) == (i % 3 == 0));
      REQUIRE(reader->code(decoder, format, grains[i], order, 0) == floats[i]);
    }
    CHECK(decoder.status() == Status::ok);
  }
}

TEST_CASE("grain model: any order is some float") {
  test::Random random = test::seeded("grain model, hostile");
  const auto model = std::make_unique<GrainModel>();
  for (const FloatFormat format : kGrainFormats) {
    for (int i = 0; i < 20000; ++i) {
      const std::vector<uint8_t> coded = {static_cast<uint8_t>(random()),
                                          static_cast<uint8_t>(random()), 0x5A, 0xC3, 7};
      apply::RangeDecoder decoder(coded);
      const auto half = static_cast<int64_t>(format.sign());
      const int64_t order = static_cast<int64_t>(random.below(2 * format.sign())) - half;
      const uint64_t bits =
          model->code(decoder, format, any_grain(random, format), order, 0);
      REQUIRE(bits < 2 * format.sign());
      REQUIRE((bits >= format.sign()) == (order < 0));
    }
  }
}

TEST_CASE("grain: what is guessed of a float lies where the float does, up to rounding") {
  test::Random random = test::seeded("grain guesses");
  constexpr int32_t kOne = 1 << kFloatGainBits;
  for (const FloatFormat format : kGrainFormats) {
    for (int i = 0; i < 20000; ++i) {
      const uint32_t grain = any_grain(random, format);
      const uint64_t bits = (random() & (2 * format.sign() - 1)) | 1;  // no zero
      const Guess same = guess_float(format, bits, kOne, 0, 0, grain);
      REQUIRE(same.order == to_order(format, bits, grain));
      const auto gain = static_cast<int32_t>(1 + random.below(32 * kOne));
      const Guess guess = guess_float(format, bits, gain, 0, 0, grain);
      const Guess fine = guess_float(format, bits, gain, 0, 0);
      const int64_t rounded = to_order(format, from_order(format, fine.order), grain);
      REQUIRE(guess.order - rounded <= 1);
      REQUIRE(rounded - guess.order <= 1);
    }
  }
}

TEST_CASE("grain: follows what is expected, within its bounds") {
  CHECK(GrainModel::grain_for(kF32, -5000) == 1);
  CHECK(GrainModel::grain_for(kF32, 6 * 1024 + 1023) == 1);
  CHECK(GrainModel::grain_for(kF32, 7 * 1024) == 2);
  CHECK(GrainModel::grain_for(kF32, 259 * 1024) == 254);
  CHECK(GrainModel::grain_for(kF32, 300 * 1024) == 255);
  CHECK(GrainModel::grain_for(kF16, INT32_MAX) == 31);
}
