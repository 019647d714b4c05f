#include "mallorn-pack/chunk_layout.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/support/chunks.hpp"
#include "tests/support/steps.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;
using test::step;

namespace {

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

}  // namespace

TEST_CASE("chunk layout: every step is copied, inlined or in one section of its dtype") {
  test::Random random = test::seeded("chunk layout");
  for (int round = 0; round < 100; ++round) {
    const MadeChunk chunk =
        test::make_chunk(random, random.length(20000), random.below(50), 9000);
    const pack::ChunkInput input = chunk.input(round % 2 == 0);
    for (const uint64_t inlined : {0, 5000, 131072}) {
      const pack::ChunkLayout layout = pack::lay_out(input, inlined);
      REQUIRE(layout.section_of.size() == chunk.steps.size());
      REQUIRE(layout.sections.size() <= kMaxChunkSections);
      std::vector<Bytes> joined(layout.sections.size());
      size_t at = 0;
      for (size_t i = 0; i < chunk.steps.size(); ++i) {
        const Step& made = chunk.steps[i];
        const uint32_t index = layout.section_of[i];
        if (index != pack::kNoSection) {
          REQUIRE(made.kind != StepKind::copy);
          REQUIRE(index < layout.sections.size());
          REQUIRE(layout.sections[index].dtype == made.dtype);
          if (layout.sections[index].has_base) REQUIRE(made.kind == StepKind::predict);
          joined[index].insert(
              joined[index].end(), chunk.result.begin() + static_cast<ptrdiff_t>(at),
              chunk.result.begin() + static_cast<ptrdiff_t>(at + made.result_bytes));
        }
        at += made.result_bytes;
      }
      for (size_t i = 0; i < joined.size(); ++i) {
        REQUIRE(joined[i] == layout.sections[i].result);
        REQUIRE(layout.sections[i].base.size() ==
                (layout.sections[i].has_base ? joined[i].size() : 0));
      }
    }
  }
}

TEST_CASE(
    "chunk layout: plain bytes are coded among the steps, elements apart or as well") {
  const MadeChunk chunk =
      chunk_of({step(StepKind::literal, 10), step(StepKind::predict, 40, 0, Dtype::f32),
                step(StepKind::copy, 50)},
               100);
  const pack::ChunkLayout apart = pack::lay_out(chunk.input(true), 0);
  CHECK(apart.section_of == std::vector<uint32_t>{pack::kNoSection, 0, pack::kNoSection});
  CHECK(apart.sections[0].has_base);
  const pack::ChunkLayout inlined = pack::lay_out(chunk.input(true), 40);
  CHECK(inlined.sections.empty());
  CHECK(pack::lay_out(chunk.input(true), 39).sections.size() == 1);
}

TEST_CASE("chunk layout: sections are shared by dtype and by having a base") {
  const MadeChunk chunk = chunk_of(
      {step(StepKind::predict, 4, 0, Dtype::f32), step(StepKind::literal, 4, 0, Dtype::f32),
       step(StepKind::predict, 4, 9, Dtype::i8),
       step(StepKind::predict, 8, 20, Dtype::f32)},
      100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false), 0);
  CHECK(layout.section_of == std::vector<uint32_t>{0, 1, 2, 0});
  CHECK(layout.sections[0].result.size() == 12);
  CHECK_FALSE(layout.sections[1].has_base);
}

TEST_CASE("chunk layout: bytes whose base ends too early have no base in a section") {
  const Step late = step(StepKind::predict, 60, 90, Dtype::i8, Predictor::bytes);
  const MadeChunk chunk = chunk_of({late}, 100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false), 0);
  REQUIRE(layout.sections.size() == 1);
  CHECK_FALSE(layout.sections[0].has_base);
}

TEST_CASE("chunk layout: more dtypes than a chunk has sections are inlined") {
  std::vector<Step> steps;
  const DtypeTable table = dtype_table();
  for (size_t i = 1; i < table.count; ++i) {
    steps.push_back(step(StepKind::predict, 300, 0, table.entries[i].dtype));
    steps.push_back(step(StepKind::literal, 300, 0, table.entries[i].dtype));
  }
  REQUIRE(steps.size() > kMaxChunkSections);
  const pack::ChunkLayout layout = pack::lay_out(chunk_of(steps, 1000).input(false), 0);
  CHECK(layout.sections.size() == kMaxChunkSections);
  CHECK(std::count(layout.section_of.begin(), layout.section_of.end(), pack::kNoSection) ==
        static_cast<ptrdiff_t>(steps.size() - kMaxChunkSections));
}
