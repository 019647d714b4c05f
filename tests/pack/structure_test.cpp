// The structure stream alone: steps and the bytes among them, without sections.
#include <doctest/doctest.h>

#include "mallorn-pack/structure_encoder.hpp"
#include "tests/support/chunks.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;

namespace {

struct NoSections final : apply::SectionDecoder {
  Status decode(const SectionHeader&, ByteView, ByteView, ByteSpan) override {
    return Status::internal;
  }
  Status decode_by_weights(const SectionHeader&, ByteView, apply::WeightSource&,
                           ByteSpan) override {
    return Status::internal;
  }
  ByteModel* byte_model(uint64_t) override { return bytes.get(); }
  std::unique_ptr<ByteModel> bytes = std::make_unique<ByteModel>();
};

// A record whose structure is `structure` and that has no sections.
Bytes record_of(const MadeChunk& chunk, const Bytes& structure) {
  ChunkHeader header;
  header.result_bytes = chunk.result.size();
  for (const Step& step : chunk.steps) {
    header.coded_result_bytes += step.kind == StepKind::copy ? 0 : step.result_bytes;
  }
  Bytes record(64);
  ByteWriter writer(record);
  write_chunk_header(header, writer);
  record.resize(writer.size());
  record.insert(record.end(), structure.begin(), structure.end());
  return record;
}

Status decode_structure(const MadeChunk& chunk, const Bytes& structure,
                        apply::ChunkWorkspace* space) {
  NoSections sections;
  return apply::decode_chunk(record_of(chunk, structure), chunk.base, chunk.result_offset,
                             sections, space);
}

pack::Structure encode(const MadeChunk& chunk) {
  const pack::ChunkInput input = chunk.input(false);
  pack::ChunkLayout layout;
  layout.section_of.assign(chunk.steps.size(), pack::kNoSection);
  return pack::encode_structure(input, layout, chunk.base.size());
}

}  // namespace

TEST_CASE("structure: steps and their bytes come back") {
  test::Random random = test::seeded("structure");
  const auto space = std::make_unique<apply::ChunkWorkspace>();
  for (int round = 0; round < test::rounds(100); ++round) {
    const size_t count = 1 + random.below(40);
    const MadeChunk chunk = test::make_chunk(random, random.length(5000), count, 600);
    const pack::Structure structure = encode(chunk);
    REQUIRE(decode_structure(chunk, structure.coded, space.get()) == Status::ok);
    REQUIRE(space->step_count == chunk.steps.size());
    for (size_t i = 0; i < chunk.steps.size(); ++i) {
      REQUIRE(space->step[i].length_bytes == chunk.steps[i].result_bytes);
      const bool is_copy = chunk.steps[i].kind == StepKind::copy;
      REQUIRE((space->step[i].kind == CodedStepKind::copy) == is_copy);
      const bool derived = is_derived(chunk.steps[i]);
      REQUIRE((space->step[i].kind == CodedStepKind::derived) == derived);
      // Without a section, what is converted or permuted has no use for the base.
      const bool has_base = chunk.steps[i].kind != StepKind::literal && !derived &&
                            !is_converted(chunk.steps[i]) && !is_permuted(chunk.steps[i]);
      if (has_base) {
        REQUIRE(space->step[i].base_offset == chunk.steps[i].base_offset);
      }
    }
    REQUIRE(test::result_of(*space, chunk.base) == chunk.result);
  }
}

TEST_CASE("structure: a model that did not move costs next to nothing") {
  MadeChunk chunk;
  chunk.base = test::Random(21).bytes(100000);
  chunk.result = chunk.base;
  for (int i = 0; i < 100; ++i) {
    Step step;
    step.kind = StepKind::copy;
    step.result_bytes = 1000;
    step.base_offset = static_cast<uint64_t>(i) * 1000;
    chunk.steps.push_back(step);
  }
  CHECK(encode(chunk).coded.size() < 60);
  CHECK(encode(chunk).features == 0);
}

TEST_CASE("structure: more bytes than the coding are refused") {
  test::Random random(22);
  const auto space = std::make_unique<apply::ChunkWorkspace>();
  const MadeChunk chunk = test::make_chunk(random, 1000, 10, 100);
  Bytes coded = encode(chunk).coded;
  REQUIRE(decode_structure(chunk, coded, space.get()) == Status::ok);
  coded.insert(coded.end(), 9, 0);
  CHECK(decode_structure(chunk, coded, space.get()) == Status::corrupt_data);
}

TEST_CASE("structure: a workspace may be used again, whatever it decoded before") {
  test::Random random(23);
  const auto used = std::make_unique<apply::ChunkWorkspace>();
  const MadeChunk first = test::make_chunk(random, 3000, 20, 300);
  const MadeChunk second = test::make_chunk(random, 3000, 20, 300);
  REQUIRE(decode_structure(first, encode(first).coded, used.get()) == Status::ok);
  REQUIRE(decode_structure(second, encode(second).coded, used.get()) == Status::ok);
  CHECK(test::result_of(*used, second.base) == second.result);
  Bytes damaged = encode(first).coded;
  damaged.resize(damaged.size() / 2);
  (void)decode_structure(first, damaged, used.get());
  REQUIRE(decode_structure(second, encode(second).coded, used.get()) == Status::ok);
  CHECK(test::result_of(*used, second.base) == second.result);
}
