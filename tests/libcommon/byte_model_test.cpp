// ByteModel and StepModel: decoders mirror encoders, state is what it should be, and what
// they write is pinned.
#include "libcommon/core/byte_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/core/derived_model.hpp"
#include "libcommon/core/step_model.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// A few bytes of the result, beside the base from `start` on.
struct Piece {
  Bytes bytes;
  uint64_t start = 0;
  uint64_t position = 0;
  uint64_t before = 0;
};

Bytes encode(ByteModel& model, const Bytes& base, const std::vector<Piece>& pieces) {
  Bytes coded;
  pack::RangeEncoder encoder(coded);
  for (const Piece& piece : pieces) {
    BaseCursor cursor(base, 0, piece.start);
    model.begin_step(piece.position, piece.before);
    for (const uint8_t byte : piece.bytes) model.code(encoder, byte, cursor);
  }
  encoder.finish();
  return coded;
}

uint64_t bytes_of(const std::vector<Piece>& pieces) {
  uint64_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.bytes.size();
  return bytes;
}

std::unique_ptr<ByteModel> model_of(const std::vector<Piece>& pieces) {
  auto model = std::make_unique<ByteModel>();
  model->begin_chunk(bytes_of(pieces));
  return model;
}

Bytes encode(const Bytes& base, const std::vector<Piece>& pieces) {
  return encode(*model_of(pieces), base, pieces);
}

void check_decodes(const Bytes& base, const std::vector<Piece>& pieces,
                   const Bytes& coded) {
  const auto model = model_of(pieces);
  apply::RangeDecoder decoder(coded);
  for (const Piece& piece : pieces) {
    BaseCursor cursor(base, 0, piece.start);
    model->begin_step(piece.position, piece.before);
    for (const uint8_t byte : piece.bytes) REQUIRE(model->code(decoder, 0, cursor) == byte);
  }
  REQUIRE(decoder.status() == Status::ok);
}

// Checks that coders are asked for nothing certain.
struct RangeOfBytes {
  uint32_t least = 65536;
  uint32_t most = 0;

  uint32_t code(uint32_t p16, uint32_t bit) {
    least = std::min(least, p16);
    most = std::max(most, p16);
    return bit;
  }
};

Bytes inserted(Bytes bytes, size_t at, const Bytes& more) {
  bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(at), more.begin(), more.end());
  return bytes;
}

// A table of offsets after `moved` bytes were put in front of it.
Bytes offset_table(uint32_t moved) {
  Bytes bytes(4000);
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint32_t target = i % 3 == 0 ? 77777 + 13 * i : 4 * i + 20;
    store_le(bytes.data() + 4 * size_t{i}, i % 3 == 0 ? target + moved : target);
  }
  return bytes;
}

Bytes coded_input(const std::string& name) {
  test::Random random(20);
  if (name == "numbers") {
    Bytes coded;
    const auto model = std::make_unique<NumberModel>();
    pack::RangeEncoder encoder(coded);
    for (int i = 0; i < 500; ++i) model->code(encoder, random() >> (1 + random.below(63)));
    encoder.finish();
    return coded;
  }
  if (name == "steps") {
    Bytes coded;
    const auto model = std::make_unique<StepModel>();
    pack::RangeEncoder encoder(coded);
    for (int i = 0; i < 500; ++i) {
      CodedStep step{};
      step.kind = static_cast<CodedStepKind>(random.below(3));
      step.section = static_cast<uint32_t>(random.below(4));
      step.length_bytes = 1 + random.below(5000);
      step.address = static_cast<AddressKind>(random.below(4));
      step.base_offset = random.below(100000);
      step = model->code(encoder, step);
      if (step.address == AddressKind::none) continue;
      const uint64_t stop = step.base_offset + step.length_bytes;
      model->end_step(step.base_offset, stop, stop / 2);
    }
    encoder.finish();
    return coded;
  }
  if (name == "derived") {
    Bytes coded;
    const auto model = std::make_unique<StepModel>();
    const auto corrections = std::make_unique<DerivedModel>();
    pack::RangeEncoder encoder(coded);
    for (uint32_t i = 0; i < 40; ++i) {
      CodedStep step{};
      step.kind = static_cast<CodedStepKind>(i % 4);
      step.length_bytes = 4 * (1 + random.below(50));
      step.source_distance = random.below(10000);
      step.source_is_ahead = random.chance(4);
      step.factor = static_cast<uint32_t>(random());
      step = model->code(encoder, step);
      if (step.kind != CodedStepKind::derived) continue;
      corrections->begin_step();
      for (uint64_t k = 0; k < step.length_bytes; k += 4) {
        corrections->code(encoder, static_cast<uint32_t>(random()) >> random.below(32));
      }
      model->pass(step.length_bytes);
    }
    encoder.finish();
    return coded;
  }
  if (name == "zeros") return encode({}, {{Bytes(3000, 0)}});
  // Draws that are arguments of one call come in an order that compilers choose.
  if (name == "noise") {
    const Bytes noise = random.bytes(1000);
    return encode(random.bytes(500), {{noise}});
  }
  if (name == "grown numbers") {
    Bytes base;
    Bytes grown;
    for (uint32_t i = 0; i < 400; ++i) {
      const Bytes text = random.text(1 + random.below(20));
      for (Bytes* bytes : {&base, &grown}) {
        bytes->push_back(static_cast<uint8_t>(text.size()));
        bytes->insert(bytes->end(), bytes == &base ? 3 : 7, 0);
        bytes->insert(bytes->end(), text.begin(), text.end());
      }
    }
    return encode(base, {{grown}});
  }
  const Bytes text = random.text(6000);
  if (name == "text") return encode({}, {{text}});
  if (name == "edited base") {
    const Bytes more = random.text(77);
    const Bytes result = inserted(random.changed(text, 50), 3000, more);
    const Bytes head(result.begin(), result.begin() + 1001);
    const Bytes rest(result.begin() + 1001, result.end());
    return encode(text, {{head, 0, 0, 0}, {rest, 1001, 5005, 0x1122334455667788}});
  }
  return encode(offset_table(0), {{offset_table(48), 0, 48, 0}});
}

}  // namespace

TEST_CASE("byte model: a decoder follows its encoder, whatever the base") {
  test::Random random = test::seeded("byte model");
  for (int round = 0; round < test::rounds(40); ++round) {
    const Bytes base = random.chance(4) ? random.bytes(random.length(5000))
                                        : random.text(random.length(5000));
    std::vector<Piece> pieces;
    for (uint64_t i = random.below(5); i > 0; --i) {
      Bytes bytes = random.chance(2) ? random.text(random.length(3000))
                                     : random.changed(base, 2 + random.below(100));
      if (bytes.size() > 10 && random.chance(2)) {
        bytes = inserted(bytes, random.below(bytes.size()), random.bytes(random.below(20)));
      }
      pieces.push_back({std::move(bytes), random.below(base.size() + 2),
                        random.below(1u << 20), random()});
    }
    check_decodes(base, pieces, encode(base, pieces));
  }
}

TEST_CASE("byte model: a new chunk brings the first state back, exactly") {
  const Bytes base = test::Random(8).text(3000);
  const std::vector<Piece> pieces = {{test::Random(9).changed(base, 20), 0, 0, 0}};
  const Bytes first = encode(base, pieces);
  const auto model = model_of(pieces);
  CHECK(encode(*model, base, pieces) == first);
  CHECK(encode(*model, base, pieces) != first);  // it has learned
  model->begin_chunk(bytes_of(pieces));
  CHECK(encode(*model, base, pieces) == first);
}

TEST_CASE("byte model: no bit is ever certain") {
  const auto model = std::make_unique<ByteModel>();
  model->begin_chunk(50000);
  RangeOfBytes check;
  const Bytes base(60000, 0);
  BaseCursor cursor(base, 0, 0);
  model->begin_step(0, 0);
  for (int i = 0; i < 50000; ++i) model->code(check, i == 40000 ? 255 : 0, cursor);
  CHECK(check.least >= 16);
  CHECK(check.most <= 65520);
}

TEST_CASE("byte model: costs little where the base is right, and not much more than noise" *
          doctest::test_suite("figures")) {
  test::Random random(10);
  const Bytes text = random.text(20000);
  const Bytes noise = random.bytes(20000);
  CHECK(encode(text, {{text}}).size() < 150);
  CHECK(encode(noise, {{noise}}).size() < 300);
  CHECK(encode(noise, {{inserted(noise, 10000, random.bytes(100))}}).size() < 700);
  CHECK(encode({}, {{noise}}).size() < noise.size() + noise.size() / 25);
  CHECK(encode({}, {{text}}).size() < text.size() / 2);
  CHECK(encode(offset_table(0), {{offset_table(48), 0, 48, 0}}).size() < 500);
}

TEST_CASE("step model: a decoder follows its encoder") {
  test::Random random = test::seeded("step model");
  for (int round = 0; round < 50; ++round) {
    std::vector<CodedStep> steps;
    std::vector<uint64_t> stops = {random.below(1000)};
    Bytes coded;
    auto model = std::make_unique<StepModel>();
    model->begin_chunk(stops[0]);
    pack::RangeEncoder encoder(coded);
    uint64_t waiting = stops[0];
    for (uint64_t i = random.below(60); i > 0; --i) {
      CodedStep step{};
      step.kind = static_cast<CodedStepKind>(random.below(3));
      step.section =
          step.kind == CodedStepKind::section ? static_cast<uint32_t>(random.below(64)) : 0;
      step.length_bytes = random() >> (1 + random.below(63));
      step.address = static_cast<AddressKind>(random.below(4));
      step.base_offset = random.below(1ull << (1 + random.below(62)));
      const CodedStep back = model->code(encoder, step);
      if (step.address == AddressKind::straight) REQUIRE(back.base_offset == stops.back());
      if (step.address == AddressKind::waiting) REQUIRE(back.base_offset == waiting);
      if (step.address == AddressKind::near) REQUIRE(back.base_offset == step.base_offset);
      steps.push_back(back);
      stops.push_back(random.below(1ull << 40));
      waiting = stops.back() / 2;
      model->end_step(back.base_offset, stops.back(), waiting);
    }
    encoder.finish();
    apply::RangeDecoder decoder(coded);
    model->begin_chunk(stops[0]);
    for (size_t i = 0; i < steps.size(); ++i) {
      const CodedStep step = model->code(decoder, {});
      REQUIRE(step.kind == steps[i].kind);
      REQUIRE(step.section == steps[i].section);
      REQUIRE(step.length_bytes == steps[i].length_bytes);
      REQUIRE(step.address == steps[i].address);
      if (step.address != AddressKind::none)
        REQUIRE(step.base_offset == steps[i].base_offset);
      model->end_step(steps[i].base_offset, stops[i + 1], stops[i + 1] / 2);
    }
    REQUIRE(decoder.status() == Status::ok);
  }
}

TEST_CASE("models: pinned, what they write for fixed inputs") {
  test::PinCheck pins;
  for (const test::ModelPin& pin : test::kModelPins) pins.add(pin, coded_input(pin.input));
  pins.finish();
}
