#include "mallorn-pack/chunk_layout.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/support/chunks.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;

namespace {

Step step(StepKind kind, Dtype dtype, uint64_t length, uint64_t base_offset = 0) {
  Step made;
  made.kind = kind;
  made.dtype = dtype;
  made.result_bytes = length;
  made.base_offset = base_offset;
  return made;
}

MadeChunk chunk_of(const std::vector<Step>& steps, size_t base_size) {
  MadeChunk chunk;
  chunk.base.assign(base_size, 7);
  chunk.steps = steps;
  uint64_t total = 0;
  for (const Step& made : steps) total += made.result_bytes;
  chunk.result.resize(total);
  for (size_t i = 0; i < chunk.result.size(); ++i)
    chunk.result[i] = static_cast<uint8_t>(i);
  return chunk;
}

// What the steps of one section say of it.
struct Joined {
  Bytes result;
  std::vector<uint64_t> lengths;
  std::vector<TensorPlace> places;

  void add(const Step& step, ByteView bytes) {
    result.insert(result.end(), bytes.begin(), bytes.end());
    lengths.push_back(step.result_bytes);
    places.push_back(step.place);
  }
};

}  // namespace

TEST_CASE(
    "chunk layout: every step is copied, among the steps or in one section of its dtype") {
  test::Random random = test::seeded("chunk layout");
  for (int round = 0; round < 100; ++round) {
    const MadeChunk chunk =
        test::make_chunk(random, random.length(20000), random.below(50), 9000);
    const pack::ChunkInput input = chunk.input(round % 2 == 0);
    const pack::ChunkLayout layout = pack::lay_out(input);
    REQUIRE(layout.section_of.size() == chunk.steps.size());
    REQUIRE(layout.sections.size() <= kMaxChunkSections);
    std::vector<Joined> joined(layout.sections.size());
    size_t at = 0;
    for (size_t i = 0; i < chunk.steps.size(); ++i) {
      const Step& made = chunk.steps[i];
      const uint32_t index = layout.section_of[i];
      if (index != pack::kNoSection) {
        REQUIRE(made.kind != StepKind::copy);
        REQUIRE(index < layout.sections.size());
        REQUIRE(layout.sections[index].dtype == made.dtype);
        if (layout.sections[index].has_base) REQUIRE(made.kind == StepKind::predict);
        joined[index].add(made, ByteView(chunk.result).subspan(at, made.result_bytes));
      }
      at += made.result_bytes;
    }
    for (size_t i = 0; i < joined.size(); ++i) {
      const pack::SectionPlan& section = layout.sections[i];
      REQUIRE(joined[i].result == section.result);
      REQUIRE(section.base.size() == (section.has_base ? section.result.size() : 0));
      REQUIRE(joined[i].lengths.size() == section.parts.size());
      for (size_t k = 0; k < section.parts.size(); ++k) {
        REQUIRE(section.parts[k].length_bytes == joined[i].lengths[k]);
        REQUIRE(section.parts[k].place == joined[i].places[k]);
      }
    }
  }
}

TEST_CASE("chunk layout: plain bytes are coded among the steps, elements apart") {
  const MadeChunk chunk = chunk_of(
      {step(StepKind::literal, Dtype::opaque, 10), step(StepKind::predict, Dtype::f32, 40),
       step(StepKind::copy, Dtype::opaque, 50)},
      100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(true));
  CHECK(layout.section_of == std::vector<uint32_t>{pack::kNoSection, 0, pack::kNoSection});
  CHECK(layout.sections[0].has_base);
}

TEST_CASE("chunk layout: sections are shared by dtype and by having a base") {
  const MadeChunk chunk = chunk_of(
      {step(StepKind::predict, Dtype::f32, 4), step(StepKind::literal, Dtype::f32, 4),
       step(StepKind::predict, Dtype::i8, 4, 9),
       step(StepKind::predict, Dtype::f32, 8, 20)},
      100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false));
  CHECK(layout.section_of == std::vector<uint32_t>{0, 1, 2, 0});
  CHECK(layout.sections[0].result.size() == 12);
  CHECK_FALSE(layout.sections[1].has_base);
}

TEST_CASE("chunk layout: bytes whose base ends too early have no base in a section") {
  Step late = step(StepKind::predict, Dtype::i8, 60, 90);
  late.predictor = Predictor::bytes;
  const MadeChunk chunk = chunk_of({late}, 100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false));
  REQUIRE(layout.sections.size() == 1);
  CHECK_FALSE(layout.sections[0].has_base);
}

TEST_CASE(
    "chunk layout: dtypes beyond the sections that a chunk has stay among the steps") {
  std::vector<Step> steps;
  const DtypeTable table = dtype_table();
  for (size_t i = 1; i < table.count; ++i) {
    steps.push_back(step(StepKind::predict, table.entries[i].dtype, 300));
    steps.push_back(step(StepKind::literal, table.entries[i].dtype, 300));
  }
  REQUIRE(steps.size() > kMaxChunkSections);
  const pack::ChunkLayout layout = pack::lay_out(chunk_of(steps, 1000).input(false));
  CHECK(layout.sections.size() == kMaxChunkSections);
  CHECK(std::count(layout.section_of.begin(), layout.section_of.end(), pack::kNoSection) ==
        static_cast<ptrdiff_t>(steps.size() - kMaxChunkSections));
}
