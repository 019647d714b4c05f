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
    const pack::ChunkLayout layout = pack::lay_out(input, {round % 3 != 0, false});
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
        const bool has_masks = !layout.sections[index].masks.empty();
        REQUIRE(layout.sections[index].dtype == (has_masks ? Dtype::opaque : made.dtype));
        if (layout.sections[index].has_base) REQUIRE(made.kind == StepKind::predict);
        joined[index].add(made, ByteView(chunk.result).subspan(at, made.result_bytes));
      }
      at += made.result_bytes;
    }
    for (size_t i = 0; i < joined.size(); ++i) {
      const pack::SectionPlan& section = layout.sections[i];
      REQUIRE(joined[i].result == section.result);
      const DtypeLayout& type = dtype_layout(section.dtype);
      const size_t as_long = has_weights(section.conversion, section.dtype)
                                 ? section.result.size() / type.block_bytes *
                                       type.block_elements * sizeof(uint32_t)
                                 : section.result.size();
      REQUIRE(section.base.size() == (section.has_base ? as_long : 0));
      REQUIRE(joined[i].lengths.size() == section.parts.size());
      for (size_t k = 0; k < section.parts.size(); ++k) {
        REQUIRE(section.parts[k].length_bytes == joined[i].lengths[k]);
        REQUIRE(section.parts[k].place == joined[i].places[k]);
      }
    }
  }
}

TEST_CASE("chunk layout: plain bytes are coded among the steps, elements apart") {
  const MadeChunk chunk =
      chunk_of({step(StepKind::literal, 10), step(StepKind::predict, 40, 0, Dtype::f32),
                step(StepKind::copy, 50)},
               100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(true), {true, false});
  CHECK(layout.section_of == std::vector<uint32_t>{pack::kNoSection, 0, pack::kNoSection});
  CHECK(layout.sections[0].has_base);
}

TEST_CASE("chunk layout: long steps of bytes go apart where none are to be modelled") {
  test::Random random(5);
  MadeChunk chunk = chunk_of({step(StepKind::literal, 3000), step(StepKind::literal, 900),
                              step(StepKind::predict, 3000), step(StepKind::predict, 3000),
                              step(StepKind::predict, 3000)},
                             3000);
  const auto put = [&](size_t at, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(),
              chunk.result.begin() + static_cast<ptrdiff_t>(at));
  };
  chunk.base = random.bytes(3000);
  Bytes changed = chunk.base;
  for (size_t i = 0; i < changed.size(); i += 3) changed[i] ^= 0x55;
  put(3900, changed);             // resembles the base
  put(6900, random.bytes(3000));  // does not
  put(9900, chunk.base);          // is foreseen
  const pack::ChunkLayout modelled = pack::lay_out(chunk.input(true), {true, false, true});
  CHECK(modelled.section_of == std::vector<uint32_t>(5, pack::kNoSection));
  const pack::ChunkLayout apart = pack::lay_out(chunk.input(true), {true, false, false});
  CHECK(apart.section_of ==
        std::vector<uint32_t>{0, pack::kNoSection, 1, 0, pack::kNoSection});
  CHECK_FALSE(apart.sections[0].has_base);
  CHECK(apart.sections[1].has_base);
}

TEST_CASE("chunk layout: sections are shared by dtype and by having a base") {
  const MadeChunk chunk = chunk_of(
      {step(StepKind::predict, 4, 0, Dtype::f32), step(StepKind::literal, 4, 0, Dtype::f32),
       step(StepKind::predict, 4, 9, Dtype::i8),
       step(StepKind::predict, 8, 20, Dtype::f32)},
      100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false), {true, false});
  CHECK(layout.section_of == std::vector<uint32_t>{0, 1, 2, 0});
  CHECK(layout.sections[0].result.size() == 12);
  CHECK_FALSE(layout.sections[1].has_base);
}

TEST_CASE("chunk layout: where the order alone is new there is a section of its own") {
  Step moved = step(StepKind::predict, 40, 10, Dtype::i16, Predictor::permuted);
  moved.permutation = {2, 0, {4, 5}, {1, 0}};
  MadeChunk chunk =
      chunk_of({moved, moved, step(StepKind::predict, 40, 10, Dtype::i16)}, 100);
  std::fill_n(chunk.result.begin(), 40, 7);  // as the base has it
  const pack::ChunkInput input = chunk.input(true);
  const pack::ChunkLayout layout = pack::lay_out(input, {true, false});
  CHECK(layout.section_of == std::vector<uint32_t>{0, 1, 1});
  CHECK(layout.sections[0].is_permuted);
  CHECK(layout.sections[0].result == layout.sections[0].base);
  CHECK(layout.sections[1].is_permuted);
  CHECK_FALSE(layout.sections[1].parts[0].matrix);
  CHECK(layout.sections[1].parts[1].matrix);
}

TEST_CASE("chunk layout: bytes whose base ends too early have no base in a section") {
  const Step late = step(StepKind::predict, 60, 90, Dtype::i8, Predictor::bytes);
  const MadeChunk chunk = chunk_of({late}, 100);
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(false), {true, false});
  REQUIRE(layout.sections.size() == 1);
  CHECK_FALSE(layout.sections[0].has_base);
}

TEST_CASE(
    "chunk layout: dtypes beyond the sections that a chunk has stay among the steps") {
  std::vector<Step> steps;
  const DtypeTable table = dtype_table();
  for (size_t i = 1; i < table.count; ++i) {
    steps.push_back(step(StepKind::predict, 300, 0, table.entries[i].dtype));
    steps.push_back(step(StepKind::literal, 300, 0, table.entries[i].dtype));
  }
  REQUIRE(steps.size() > kMaxChunkSections);
  const pack::ChunkLayout layout =
      pack::lay_out(chunk_of(steps, 1000).input(false), {true, false});
  CHECK(layout.sections.size() == kMaxChunkSections);
  CHECK(std::count(layout.section_of.begin(), layout.section_of.end(), pack::kNoSection) ==
        static_cast<ptrdiff_t>(steps.size() - kMaxChunkSections));
}

TEST_CASE("chunk layout: arrays of sparse tensors have a section of their own") {
  MadeChunk chunk = chunk_of(
      {step(StepKind::literal, 4, 0, Dtype::u8), step(StepKind::literal, 9),
       step(StepKind::predict, 6, 0, Dtype::u16), step(StepKind::literal, 3, 0, Dtype::u8),
       step(StepKind::copy, 5, 1), step(StepKind::literal, 4, 0, Dtype::i32),
       step(StepKind::literal, 3, 0, Dtype::u8)},
      100);
  const Bytes made = {1, 4, 0, 2,                 // indices
                      9, 9, 9, 9, 9, 9, 9, 9, 9,  // a gap
                      0, 0, 2, 0, 4, 0,           // their segments
                      0, 0, 1,                    // segments of one row of two
                      7, 7, 7, 7, 7,              // a copy
                      3, 0, 0, 0,                 // their index
                      0, 1, 2};                   // of no mask
  REQUIRE(made.size() == chunk.result.size());
  chunk.result = made;
  const pack::ChunkInput input = chunk.input(true);
  constexpr uint32_t kNone = pack::kNoSection;
  const pack::ChunkLayout layout = pack::lay_out(input, {true, false});
  CHECK(layout.section_of == std::vector<uint32_t>{0, kNone, 0, 0, kNone, 0, 1});
  REQUIRE(layout.sections.size() == 2);
  CHECK(layout.sections[0].dtype == Dtype::opaque);
  CHECK_FALSE(layout.sections[0].has_base);
  REQUIRE(layout.sections[0].masks.size() == 2);
  CHECK(layout.sections[0].masks[0] == MaskShape{2, 5, 4, false, 1, 2});
  CHECK(layout.sections[0].masks[1] == MaskShape{2, 4, 1, true, 4, 1});
  CHECK(layout.sections[1].masks.empty());

  // Nobody looks for them unless asked to.
  for (const pack::SectionPlan& section : pack::lay_out(input, {false, false}).sections) {
    CHECK(section.masks.empty());
    CHECK(section.dtype != Dtype::opaque);
  }

  // Indices that the base predicts stay with it.
  chunk.steps[0].kind = StepKind::predict;
  CHECK(pack::lay_out(chunk.input(true), {true, false}).sections[0].dtype == Dtype::u8);
}

TEST_CASE("chunk layout: masks of a chunk have no more cells than a section may") {
  // One index, the last of 2^16, in 256 rows: half of the cells that a section may have.
  Bytes arrays = {0xFF, 0xFF, 0};
  arrays.insert(arrays.end(), 256, 1);
  std::vector<Step> steps;
  Bytes all;
  for (int i = 0; i < 3; ++i) {
    steps.push_back(step(StepKind::literal, 2, 0, Dtype::u16));
    steps.push_back(step(StepKind::literal, 257, 0, Dtype::u8));
    all.insert(all.end(), arrays.begin(), arrays.end());
  }
  MadeChunk chunk = chunk_of(steps, 0);
  chunk.result = all;
  const pack::ChunkLayout layout = pack::lay_out(chunk.input(true), {true, false});
  CHECK(layout.sections[0].masks.size() == 2);
  CHECK(layout.section_of == std::vector<uint32_t>{0, 0, 0, 0, 1, 2});
}

TEST_CASE(
    "chunk layout: long noise that the base does not have is kept from the model of "
    "bytes") {
  test::Random random(12);
  MadeChunk chunk =
      chunk_of({step(StepKind::literal, 5000), step(StepKind::literal, 4000),
                step(StepKind::predict, 5000, 100, Dtype::opaque, Predictor::bytes),
                step(StepKind::literal, 5000)},
               8000);
  const Bytes noise = random.bytes(chunk.result.size());
  std::copy(noise.begin(), noise.begin() + 14000,
            chunk.result.begin());  // the last: a ramp
  const auto sections = [&] {
    return pack::lay_out(chunk.input(false), {true, false}).section_of;
  };
  CHECK(sections() == std::vector<uint32_t>{0, pack::kNoSection, 0, pack::kNoSection});
  for (size_t i = 0; i < 5000; i += 20) chunk.base[100 + i] = noise[9000 + i];
  CHECK(sections()[2] == pack::kNoSection);
}
