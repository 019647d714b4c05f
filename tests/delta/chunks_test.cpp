#include <doctest/doctest.h>

#include <string>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/delta_stream.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/lane_grid.hpp"
#include "mallorn-delta/plan.hpp"
#include "tests/support/cut.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"
#include "tests/support/steps.hpp"

using namespace mallorn;
using test::Bytes;
using test::step;

namespace {

Step with_place(Step made, const TensorPlace& place) {
  made.place = place;
  return made;
}

// Where the elements lie that follow the first `made` bytes of a step.
TensorPlace place_after(const Step& step, uint64_t made) {
  const DtypeLayout& layout = dtype_layout(step.dtype);
  TensorPlace place = step.place;
  if (place == TensorPlace{}) return place;
  place.first_element += made / layout.block_bytes * layout.block_elements;
  return place;
}

// Chunks obey their limits and, joined, are the steps again.
void check(const std::vector<std::vector<Step>>& chunks, const std::vector<Step>& steps) {
  std::vector<Step> joined;
  for (const std::vector<Step>& chunk : chunks) {
    REQUIRE_FALSE(chunk.empty());
    REQUIRE(chunk.size() <= kMaxChunkSteps);
    uint64_t result = 0;
    uint64_t coded = 0;
    for (const Step& part : chunk) {
      REQUIRE(part.result_bytes > 0);
      result += part.result_bytes;
      coded += part.kind == StepKind::copy ? 0 : part.result_bytes;
    }
    REQUIRE(result <= kMaxChunkResult);
    REQUIRE(coded <= kMaxChunkCoded);
    joined.insert(joined.end(), chunk.begin(), chunk.end());
  }
  size_t at = 0;
  for (const Step& whole : steps) {
    uint64_t made = 0;
    while (made < whole.result_bytes) {
      REQUIRE(at < joined.size());
      const Step& part = joined[at++];
      REQUIRE(part.kind == whole.kind);
      REQUIRE(part.dtype == whole.dtype);
      REQUIRE(part.predictor == whole.predictor);
      const bool has_base = whole.kind != StepKind::literal;
      REQUIRE(part.base_offset == whole.base_offset + (has_base ? made : 0));
      REQUIRE(part.place == place_after(whole, made));
      made += part.result_bytes;
      const uint64_t block = dtype_layout(whole.dtype).block_bytes;
      if (whole.kind != StepKind::copy && made < whole.result_bytes)
        REQUIRE(made % block == 0);
    }
    REQUIRE(made == whole.result_bytes);
  }
  REQUIRE(at == joined.size());
}

}  // namespace

TEST_CASE("chunks: random plans are cut within all limits") {
  test::Random random = test::seeded("chunks");
  const DtypeTable table = dtype_table();
  for (int round = 0; round < 100; ++round) {
    std::vector<Step> steps;
    for (uint64_t i = random.below(60); i > 0; --i) {
      const auto kind = static_cast<StepKind>(random.below(3));
      const bool is_bytes = kind == StepKind::predict && random.chance(2);
      const uint64_t most = is_bytes                 ? 1u << 16
                            : kind == StepKind::copy ? 1ull << 32
                                                     : 5u << 20;
      steps.push_back(
          step(kind, 1 + random.long_length(most - 1),
               kind == StepKind::literal ? 0 : random.below(1ull << 40),
               is_bytes ? Dtype::opaque : table.entries[random.below(table.count)].dtype,
               is_bytes ? Predictor::bytes : Predictor::same_value));
    }
    check(test::cut_into_chunks(steps, {}), steps);
  }
}

TEST_CASE("chunks: one below, at and above each limit") {
  const auto count = [](const std::vector<Step>& steps) {
    const std::vector<std::vector<Step>> chunks = test::cut_into_chunks(steps, {});
    check(chunks, steps);
    return chunks.size();
  };
  CHECK(count({}) == 0);
  CHECK(count({step(StepKind::literal, kMaxChunkCoded - 1)}) == 1);
  CHECK(count({step(StepKind::literal, kMaxChunkCoded)}) == 1);
  CHECK(count({step(StepKind::literal, kMaxChunkCoded + 1)}) == 2);
  CHECK(count({step(StepKind::copy, kMaxChunkResult)}) == 1);
  CHECK(count({step(StepKind::copy, kMaxChunkResult + 1)}) == 2);
  CHECK(count(std::vector<Step>(kMaxChunkSteps, step(StepKind::copy, 1))) == 1);
  CHECK(count(std::vector<Step>(kMaxChunkSteps + 1, step(StepKind::copy, 1))) == 2);
  CHECK(count({step(StepKind::literal, kMaxChunkCoded), step(StepKind::copy, 1000)}) == 1);
}

TEST_CASE("chunks: a model of about one makes two, of about the same size") {
  const auto even = [](const std::vector<Step>& steps,
                       const std::vector<delta::ByteRange>& whole = {}) {
    const std::vector<std::vector<Step>> chunks =
        test::cut_into_chunks(steps, whole, delta::Chunks::even);
    check(chunks, steps);
    std::vector<size_t> sizes;
    for (const std::vector<Step>& chunk : chunks) sizes.push_back(chunk.size());
    return sizes;
  };
  constexpr uint64_t kTenth = kMaxChunkCoded / 20 * 2;
  const auto tenths = [](size_t count) {
    return std::vector<Step>(count, step(StepKind::predict, kTenth, 0, Dtype::f16));
  };
  CHECK(even(tenths(7)) == std::vector<size_t>{7});  // not worth it
  CHECK(even(tenths(9)) == std::vector<size_t>{4, 5});
  CHECK(even(tenths(12)) == std::vector<size_t>{6, 6});
  CHECK(even(tenths(25)) == std::vector<size_t>{6, 6, 6, 7});
  CHECK(even(tenths(50)).size() == 5);  // many anyway
  CHECK(even(tenths(9), {{3 * kTenth, 2 * kTenth}}) == std::vector<size_t>{5, 4});
  CHECK(even({step(StepKind::predict, 9 * kTenth, 0, Dtype::f16)}).size() == 1);
  CHECK(even({tenths(1)[0], step(StepKind::predict, 8 * kTenth, 0, Dtype::f16)}).size() ==
        1);
  const Step bytes = step(StepKind::predict, kTenth, 0, Dtype::opaque, Predictor::bytes);
  CHECK(even(std::vector<Step>(9, bytes)) == std::vector<size_t>{9});
}

TEST_CASE("chunks: elements are never cut inside a block") {
  const std::vector<Step> steps = {
      step(StepKind::literal, 1),
      step(StepKind::predict, 3 * kMaxChunkCoded, 100, Dtype::q6_k),
      step(StepKind::literal, 3),
      step(StepKind::predict, 2 * kMaxChunkCoded + 5, 9, Dtype::f64)};
  check(test::cut_into_chunks(steps, {}), steps);
}

TEST_CASE("chunks: tensors are cut where rows end, if these are not long") {
  const auto first_cut = [](Dtype dtype, const TensorPlace& place) {
    const std::vector<Step> steps = {
        with_place(step(StepKind::predict, 3 * kMaxChunkCoded, 100, dtype), place)};
    const std::vector<std::vector<Step>> chunks = test::cut_into_chunks(steps, {});
    check(chunks, steps);
    return chunks[0][0].result_bytes;
  };
  CHECK(first_cut(Dtype::f32, {0, 1000, 10, 0, 0}) ==
        kMaxChunkCoded - kMaxChunkCoded % 4000);
  // The step begins within a row.
  CHECK((first_cut(Dtype::f32, {70, 1000, 10, 0, 0}) + 4 * 70) % 4000 == 0);
  CHECK(first_cut(Dtype::i8, {0, 1, 50, -3, 4}) == kMaxChunkCoded);
  CHECK(first_cut(Dtype::i8, {0, kMaxChunkCoded / 4, 50, 0, 0}) == kMaxChunkCoded);
  CHECK(first_cut(Dtype::i8, {UINT64_MAX - 5, 1000, UINT64_MAX, 0, 0}) <= kMaxChunkCoded);
  // Rows that are no whole blocks; rows that are.
  CHECK(first_cut(Dtype::q4_0, {0, 1000, 10, 0, 0}) % 18 == 0);
  CHECK(first_cut(Dtype::q4_0, {0, 3200, 10, 0, 0}) % 1800 == 0);
}

TEST_CASE("chunks: blocks of GGUF tensors are cut where rows of the tensor end") {
  for (const Dtype dtype : {Dtype::q8_0, Dtype::q4_k, Dtype::q6_k, Dtype::iq4_nl}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const DtypeLayout& layout = dtype_layout(dtype);
    constexpr uint64_t kRowBlocks = 9;
    const uint64_t row_elements = kRowBlocks * layout.block_elements;
    for (const uint64_t begun : {0, 4}) {
      const TensorPlace place = {begun * layout.block_elements, row_elements, 9, 0, 0};
      const uint64_t bytes = 5 * kMaxChunkCoded / layout.block_bytes * layout.block_bytes;
      const std::vector<Step> steps = {
          with_place(step(StepKind::predict, bytes, 100, dtype), place)};
      const std::vector<std::vector<Step>> chunks = test::cut_into_chunks(steps, {});
      check(chunks, steps);
      for (size_t i = 1; i < chunks.size(); ++i) {
        CHECK(chunks[i][0].place.first_element % row_elements == 0);
      }
    }
  }
}

TEST_CASE("chunks: bytes predicted byte by byte go into a chunk whole") {
  std::vector<Step> steps(
      40, step(StepKind::predict, 1u << 16, 7, Dtype::opaque, Predictor::bytes));
  steps.insert(steps.begin(), step(StepKind::literal, 1));
  const std::vector<std::vector<Step>> chunks = test::cut_into_chunks(steps, {});
  check(chunks, steps);
  for (const std::vector<Step>& chunk : chunks) {
    for (const Step& part : chunk)
      CHECK((part.result_bytes == 1 || part.result_bytes == 1u << 16));
  }
}

TEST_CASE("chunks: bytes that must stay whole fill a chunk, and are refused beyond it") {
  const auto bytes = [](uint64_t length) {
    return std::vector<Step>{
        step(StepKind::literal, 1),
        step(StepKind::predict, length, 7, Dtype::opaque, Predictor::bytes)};
  };
  const std::vector<std::vector<Step>> chunks =
      test::cut_into_chunks(bytes(kMaxChunkCoded), {});
  check(chunks, bytes(kMaxChunkCoded));
  CHECK(chunks.size() == 2);
  CHECK(test::status_of([&] {
          (void)test::cut_into_chunks(bytes(kMaxChunkCoded + 1), {});
        }) == Status::internal);
}

TEST_CASE(
    "chunks: what is to stay whole goes into the next chunk, if that has room for it") {
  constexpr uint64_t kHead = kMaxChunkCoded - 1000;
  const std::vector<Step> steps = {
      step(StepKind::literal, kHead), step(StepKind::literal, 600, 0, Dtype::u8),
      step(StepKind::copy, 12, 5), step(StepKind::literal, 500, 0, Dtype::u16)};
  const auto first_chunk = [&](const std::vector<delta::ByteRange>& whole) {
    const std::vector<std::vector<Step>> chunks = test::cut_into_chunks(steps, whole);
    check(chunks, steps);
    CHECK(chunks.size() == 2);
    return chunks[0].size();
  };
  CHECK(first_chunk({}) == 4);  // cuts the last step
  CHECK(first_chunk({{kHead, 1112}}) == 1);
  CHECK(first_chunk({{7, 3}, {kHead, 1112}}) == 1);
  CHECK(first_chunk({{kHead, 1000}}) == 4);                // has room
  CHECK(first_chunk({{kHead, kMaxChunkCoded + 1}}) == 4);  // no chunk has
  CHECK(first_chunk({{kHead + 1, 1111}}) == 4);            // begins within a step
  CHECK(first_chunk({{kHead + 612, 500}}) == 3);
}

TEST_CASE("chunks: random plans with ranges to stay whole are cut within all limits") {
  test::Random random = test::seeded("chunks whole");
  for (int round = 0; round < 100; ++round) {
    std::vector<Step> steps;
    std::vector<delta::ByteRange> whole;
    uint64_t at = 0;
    for (uint64_t i = random.below(60); i > 0; --i) {
      steps.push_back(step(random.chance(3) ? StepKind::copy : StepKind::literal,
                           1 + random.length(2u << 20)));
      if (random.chance(2)) {
        whole.push_back({at - (random.chance(8) ? std::min<uint64_t>(at, 3) : 0),
                         1 + random.length(3u << 20)});
      }
      at += steps.back().result_bytes;
    }
    check(test::cut_into_chunks(steps, whole), steps);
  }
}

TEST_CASE("chunks: each part of a step with lanes has its own") {
  Bytes scales(4000 * sizeof(float));
  for (uint32_t i = 0; i < 4000; ++i) store_le(scales.data() + i * 4, 0x3F800000 + i);
  LaneGrid grid;
  grid.run = 500;
  grid.lanes = 4000;
  grid.scales = scales;
  Step whole = step(StepKind::predict, 2000000, 1000, Dtype::i8, Predictor::converted);
  whole.conversion = {Dtype::f32};
  whole.parameters = lane_grid_to_bytes(grid);
  uint64_t made = 0;
  for (const std::vector<Step>& chunk : test::cut_into_chunks({whole}, {})) {
    REQUIRE(chunk.size() == 1);
    CHECK(chunk[0].base_offset == 1000 + 4 * made);
    CHECK(chunk[0].parameters == part_of_lanes(grid, made, chunk[0].result_bytes));
    made += chunk[0].result_bytes;
  }
  CHECK(made == 2000000);
}

TEST_CASE("chunks: converted steps are cut between units, rows if they are short") {
  const auto chunks_of = [](Dtype from, Dtype to, uint64_t length,
                            const TensorPlace& place) {
    Step whole = step(StepKind::predict, length, 1000, to, Predictor::converted);
    whole.conversion = {from};
    whole.place = place;
    const auto chunks = test::cut_into_chunks({whole}, {});
    uint64_t base_offset = 1000;
    uint64_t made = 0;
    for (const std::vector<Step>& chunk : chunks) {
      REQUIRE(chunk.size() == 1);
      CHECK(chunk[0].conversion == Conversion{from});
      CHECK(chunk[0].base_offset == base_offset);
      CHECK(chunk[0].result_bytes <= kMaxChunkCoded);
      CHECK(chunk[0].place == place_after(whole, made));
      uint64_t base_bytes = 0;
      REQUIRE(predicting_bytes(chunk[0], chunk[0].result_bytes, &base_bytes));
      base_offset += base_bytes;
      made += chunk[0].result_bytes;
    }
    CHECK(made == length);
    return chunks;
  };
  CHECK(chunks_of(Dtype::f32, Dtype::f16, 3u << 20, {})[0][0].result_bytes == 1u << 20);
  CHECK(chunks_of(Dtype::f16, Dtype::f32, 3u << 20, {}).size() == 3);
  CHECK(chunks_of(Dtype::f32, Dtype::q8_0, 34 * 100000, {})[0][0].result_bytes ==
        (1u << 20) / 34 * 34);
  CHECK(chunks_of(Dtype::q6_k, Dtype::q8_0, 8 * 34 * 10000, {})[0][0].result_bytes ==
        (1u << 20) / (8 * 34) * (8 * 34));
  CHECK(chunks_of(Dtype::f32, Dtype::q4_k, 144 * 10000, {})[0][0].result_bytes ==
        (1u << 20) / 144 * 144);
  CHECK(chunks_of(Dtype::q4_k, Dtype::iq4_nl, 8 * 18 * 10000, {})[0][0].result_bytes ==
        (1u << 20) / (8 * 18) * (8 * 18));
  // Rows of 96 elements are three blocks, but no whole unit of 256.
  const TensorPlace rows = {0, 96, 96, 0, 0};
  CHECK(chunks_of(Dtype::f32, Dtype::q8_0, 34 * 90000, rows)[0][0].result_bytes ==
        (1u << 20) / (3 * 34) * (3 * 34));
  CHECK(chunks_of(Dtype::q4_k, Dtype::q8_0, 8 * 34 * 9000, rows)[0][0].result_bytes ==
        (1u << 20) / (8 * 34) * (8 * 34));
}

TEST_CASE("chunks: numbers whose source is in another chunk become bytes") {
  Step derived = step(StepKind::predict, 4000, 50000, Dtype::f32, Predictor::derived);
  const auto chunks_with = [&](uint64_t between, bool is_ahead) {
    derived.parameters = derivation_to_bytes({4000 + between, is_ahead, 0x40000000});
    const Step other = step(StepKind::literal, 4000);
    const Step gap = step(StepKind::literal, between);
    return test::cut_into_chunks(is_ahead ? std::vector<Step>{derived, gap, other}
                                          : std::vector<Step>{other, gap, derived},
                                 {});
  };
  for (const bool is_ahead : {false, true}) {
    const std::vector<std::vector<Step>> near =
        chunks_with(kMaxChunkCoded - 8000, is_ahead);
    REQUIRE(near.size() == 1);
    CHECK(near[0][is_ahead ? 0 : 2] == derived);
    const std::vector<std::vector<Step>> far = chunks_with(kMaxChunkCoded - 7999, is_ahead);
    REQUIRE(far.size() == 2);
    CHECK((is_ahead ? far[0].front() : far[1].back()) ==
          step(StepKind::predict, 4000, 50000, Dtype::opaque, Predictor::bytes));
  }
}

TEST_CASE("chunks: of two equal ranges the other has the chunks of the first") {
  const std::vector<Step> steps = {
      step(StepKind::copy, 1000, 0),
      step(StepKind::predict, 3u << 20, 1000, Dtype::f32),
      step(StepKind::copy, 5000, 7u << 20),
      step(StepKind::predict, 3u << 20, 9u << 20, Dtype::f32),
      step(StepKind::literal, 4000, 0, Dtype::f32),
  };
  const uint64_t first = 1400;  // within the step
  const uint64_t length = (3u << 20) - 1000;
  const delta::Twin twin = {first, 1000 + (3u << 20) + 5000 + 40, length};
  const auto chunks = test::cut_into_chunks(steps, {}, delta::Chunks::few, {twin});
  std::vector<std::vector<Step>> made;
  std::vector<std::vector<Step>> again;
  uint64_t at = 0;
  for (const std::vector<Step>& chunk : chunks) {
    const uint64_t begin = at;
    for (const Step& each : chunk) at += each.result_bytes;
    for (const uint64_t end : {first, first + length, twin.offset, twin.offset + length}) {
      REQUIRE((begin >= end || at <= end));
    }
    if (begin >= first && at <= first + length) made.push_back(chunk);
    if (begin >= twin.offset && at <= twin.offset + length) again.push_back(chunk);
  }
  CHECK(at == 1000 + (6u << 20) + 5000 + 4000);
  CHECK(made.size() == 3);
  CHECK(made == again);
}

TEST_CASE("chunks: a range that cannot be cut out has its own") {
  const Step bytes = step(StepKind::predict, 4000, 0, Dtype::opaque, Predictor::bytes);
  const Step floats = step(StepKind::predict, 4000, 0, Dtype::f32);
  for (const delta::Twin twin :
       {delta::Twin{0, 5000, 2000}, delta::Twin{4001, 9002, 2000}}) {
    const std::vector<Step> steps = {bytes, floats, floats};
    const auto chunks = test::cut_into_chunks(steps, {}, delta::Chunks::few, {twin});
    check(chunks, steps);
  }
}

TEST_CASE(
    "chunks: of equal ranges, what cannot be cut off at their ends stays where it is") {
  const std::vector<Step> steps = {step(StepKind::predict, 4000, 0, Dtype::f32),
                                   step(StepKind::literal, 4000, 0, Dtype::f32)};
  const auto chunks = test::cut_into_chunks(steps, {}, delta::Chunks::few,
                                            {{1002, 5002, 2001}});  // 1004 to 3000
  std::vector<std::vector<uint64_t>> lengths;
  for (const std::vector<Step>& chunk : chunks) {
    lengths.emplace_back();
    for (const Step& each : chunk) lengths.back().push_back(each.result_bytes);
  }
  CHECK(lengths ==
        std::vector<std::vector<uint64_t>>{{1004}, {1996}, {1000, 1004}, {1996}, {1000}});
  CHECK(chunks[1] == chunks[3]);
}
