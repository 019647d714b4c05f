// Codec 3: round trips for all dtypes and lengths, what pack chooses it for, and what its
// decoder refuses.
#include "mallorn-pack/blocks_codec.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "mallorn-apply/core/blocks_decoder.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/quant_blocks.hpp"
#include "tests/support/weights.hpp"

using namespace mallorn;
using pack::SectionPart;
using test::Bytes;
using test::SectionPair;

namespace {

BlockModel* blocks_workspace() {
  static const auto model = std::make_unique<BlockModel>();
  return model.get();
}

// Coded bytes, base and result each exactly as large as they say, so that sanitizers see
// what is read or written past them.
Status decode_blocks(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  const Bytes exact_coded = test::exactly(coded);
  const Bytes exact_base = test::exactly(base);
  return apply::decode_blocks(dtype, exact_coded, exact_base, blocks_workspace(), result);
}

Status decode_blocks(Dtype dtype, ByteView coded, ByteView base) {
  Bytes result(base.size());
  return decode_blocks(dtype, coded, base, result);
}

Bytes encode(Dtype dtype, ByteView base, ByteView result) {
  return pack::encode_blocks(dtype, {{result.size(), {}}}, base, result);
}

Bytes check_blocks(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                   ByteView result) {
  return test::check_coded([&] { return pack::encode_blocks(dtype, parts, base, result); },
                           [&](ByteView coded, ByteSpan decoded) {
                             return decode_blocks(dtype, coded, base, decoded);
                           },
                           result);
}

Bytes check_blocks(Dtype dtype, ByteView base, ByteView result) {
  return check_blocks(dtype, {{result.size(), {}}}, base, result);
}

// A place in a matrix with rows of so many blocks, `first` blocks from its start.
TensorPlace place_of(Dtype dtype, uint64_t row_blocks, uint64_t first) {
  const uint64_t elements = dtype_layout(dtype).block_elements;
  TensorPlace place;
  place.first_element = first * elements;
  place.row_elements = row_blocks * elements;
  place.column_elements = place.row_elements;
  return place;
}

// Weights of a matrix with rows of `row_blocks` blocks, to which `ranks` ranks were added;
// scales stay as they are.
SectionPair low_rank_sections(test::Random& random, Dtype dtype, size_t rows,
                              size_t row_blocks, size_t ranks) {
  const QuantGrid& grid = *quant_grid(dtype);
  const size_t columns = row_blocks * test::code_count(grid);
  const auto factors = [&](size_t count) {
    std::vector<double> made(count);
    for (double& factor : made) factor = static_cast<double>(random.below(2001)) / 1000 - 1;
    return made;
  };
  const std::vector<double> across = factors(ranks * columns);
  std::vector<QuantBlock> base;
  std::vector<QuantBlock> result;
  for (size_t row = 0; row < rows; ++row) {
    const std::vector<double> along = factors(ranks);
    for (size_t block = 0; block < row_blocks; ++block) {
      base.push_back(test::random_block(random, grid));
      result.push_back(base.back());
      for (size_t i = 0; i < test::code_count(grid); ++i) {
        const test::Line line = test::line_of(grid, base.back(), i / grid.group_codes);
        double shift = 0;
        for (size_t k = 0; k < ranks; ++k) {
          const size_t column = block * test::code_count(grid) + i;
          shift += along[k] * across[k * columns + column];
        }
        const double unit =
            test::scale_of(grid, base.back()) * (grid.group_scales.high == 0 ? 20 : 100);
        const double steps = test::code_value(grid, base.back().code[i]) +
                             (line.step == 0 ? 0 : shift * unit / line.step);
        result.back().code[i] = grid.table != nullptr ? test::nearest_code(grid, steps)
                                                      : test::rounded(steps, grid.codes);
      }
    }
  }
  return {test::bytes_of(dtype, base), test::bytes_of(dtype, result)};
}

template <typename Visit>
void for_each_grid(const Visit& visit) {
  for (const Dtype dtype : test::kGridDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, dtype_layout(dtype).block_bytes);
  }
}

test::MadeChunk one_section(Dtype dtype, const SectionPair& pair) {
  test::MadeChunk chunk;
  chunk.base = pair.base;
  chunk.result = pair.result;
  Step step;
  step.kind = StepKind::predict;
  step.dtype = dtype;
  step.result_bytes = pair.result.size();
  chunk.steps = {step};
  return chunk;
}

// Whose base are weights in f32.
test::MadeChunk one_section_by_weights(Dtype dtype, const SectionPair& pair) {
  test::MadeChunk chunk = one_section(dtype, pair);
  chunk.steps[0].predictor = Predictor::converted;
  chunk.steps[0].conversion = {Dtype::f32};
  return chunk;
}

struct Packed {
  CodecId codec = CodecId::stored;
  uint32_t features = 0;
  size_t bytes = 0;
};

// What a chunk of one section is coded as; decoded, it is the result.
Packed packed(const test::MadeChunk& chunk, int level) {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  const pack::EncodedChunk coded =
      pack::encode_chunk(chunk.input(true), chunk.base.size(), {level});
  apply::HostSections sections;
  REQUIRE(apply::decode_chunk(ByteView(coded.record).subspan(1), chunk.base, 0, sections,
                              space.get()) == Status::ok);
  REQUIRE(test::result_of(*space, chunk.base) == chunk.result);
  const ChunkHeader& header = space->view.header;
  REQUIRE(header.section_count == 1);
  REQUIRE((section_features(header) & ~coded.features) == 0);
  return {header.sections[0].codec, coded.features, coded.record.size()};
}

Packed packed(Dtype dtype, const SectionPair& pair, int level) {
  return packed(one_section(dtype, pair), level);
}

}  // namespace

TEST_CASE("blocks codec: blocks of every kind come back") {
  test::Random random = test::seeded("blocks codec");
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    for (const size_t blocks : {1, 2, 3, 50, 300}) {
      const SectionPair pair = test::make_section_pair(random, dtype, blocks);
      check_blocks(dtype, pair.base, pair.result);
    }
    const size_t size = 20 * block_bytes;
    const Bytes base = random.bytes(size);
    check_blocks(dtype, base, base);
    check_blocks(dtype, base, random.bytes(size));
    check_blocks(dtype, base, random.changed(base, 30));
    check_blocks(dtype, Bytes(size, 0), base);
    check_blocks(dtype, base, Bytes(size, 0xFF));
  });
}

TEST_CASE("blocks codec: every length from none, blocks that are not whole included") {
  test::Random random = test::seeded("blocks codec lengths");
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    for (size_t size = 0; size <= 2 * block_bytes + 1; size += test::kIsSanitized ? 3 : 1) {
      CAPTURE(size);
      const Bytes base = random.bytes(size);
      check_blocks(dtype, base, random.changed(base, 10));
    }
  });
}

TEST_CASE("blocks codec: parts of any length, at any place, come back") {
  test::Random random = test::seeded("blocks codec parts");
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    for (int round = 0; round < 12; ++round) {
      const SectionPair pair = round % 3 == 0 ? low_rank_sections(random, dtype, 12, 3, 1)
                                              : test::make_section_pair(random, dtype, 36);
      std::vector<SectionPart> parts;
      uint64_t left = pair.result.size() - random.below(block_bytes);
      const uint64_t length = left;
      while (left > 0) {
        const uint64_t part = 1 + random.below(left);  // may end within a block
        parts.push_back({part, place_of(dtype, random.below(5), random.below(9))});
        if (random.chance(4)) parts.back().place.row_elements += random.below(40);
        if (random.chance(8)) parts.back().place.first_element = random();
        left -= part;
      }
      check_blocks(dtype, parts, ByteView(pair.base).first(length),
                   ByteView(pair.result).first(length));
    }
  });
}

TEST_CASE("blocks codec: an update of a few ranks makes sections much smaller" *
          doctest::test_suite("figures")) {
  test::Random random(34);
  for (const Dtype dtype : {Dtype::q8_0, Dtype::q4_k, Dtype::q6_k, Dtype::iq4_nl}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const size_t row_blocks = 512 / dtype_layout(dtype).block_elements;
    for (const size_t ranks : {1, 3}) {
      CAPTURE(ranks);
      const SectionPair pair = low_rank_sections(random, dtype, 300, row_blocks, ranks);
      const size_t size = pair.result.size();
      const SectionPart matrix = {size, place_of(dtype, row_blocks, 0)};
      const size_t blind = check_blocks(dtype, pair.base, pair.result).size();
      const size_t seen = check_blocks(dtype, {matrix}, pair.base, pair.result).size();
      CHECK(seen * 3 / 2 < blind);
      if (ranks == 1) CHECK(seen * 7 / 4 < blind);
      // The same where the part begins with the end of a row.
      const size_t before = (row_blocks - 1) * dtype_layout(dtype).block_bytes;
      const SectionPart part = {size - before, place_of(dtype, row_blocks, row_blocks - 1)};
      const size_t begun = check_blocks(dtype, {part}, ByteView(pair.base).subspan(before),
                                        ByteView(pair.result).subspan(before))
                               .size();
      CHECK(begun < seen + seen / 20 + 50);
    }
  }
}

TEST_CASE("blocks codec: a result without bytes is coded as none") {
  for_each_grid([](Dtype dtype, size_t) {
    CHECK(check_blocks(dtype, {}, {}).empty());
    CHECK(decode_blocks(dtype, Bytes{0}, {}) ==
          Status::ok);  // read before anything is asked for
    CHECK(decode_blocks(dtype, Bytes(9, 0), {}) == Status::corrupt_data);
  });
}

TEST_CASE("blocks codec: growth is bounded, whatever the blocks") {
  test::Random random(27);
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    const Bytes base = random.bytes(400 * block_bytes);
    const Bytes result = random.bytes(400 * block_bytes);
    CHECK(check_blocks(dtype, base, base).size() < 10);
    CHECK(check_blocks(dtype, base, result).size() < result.size() * 12 / 10);
  });
}

TEST_CASE(
    "blocks codec: the state of the model that the decoder is given does not matter") {
  test::Random random(28);
  const SectionPair pair = test::make_section_pair(random, Dtype::q4_k, 20);
  const Bytes coded = encode(Dtype::q4_k, pair.base, pair.result);
  Bytes first(pair.result.size());
  REQUIRE(decode_blocks(Dtype::q4_k, coded, pair.base, first) == Status::ok);
  (void)decode_blocks(Dtype::q8_0, random.bytes(300), random.bytes(3400));
  Bytes again(pair.result.size());
  REQUIRE(decode_blocks(Dtype::q4_k, coded, pair.base, again) == Status::ok);
  CHECK(first == pair.result);
  CHECK(again == pair.result);
}

TEST_CASE("blocks codec: refuses dtypes without a grid and a base of another length") {
  test::Random random(29);
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    CAPTURE(std::string(table.entries[i].name));
    const Dtype dtype = table.entries[i].dtype;
    const Bytes base = random.bytes(3 * table.entries[i].block_bytes);
    const bool has_grid = quant_grid(dtype) != nullptr;
    const Bytes coded = has_grid ? encode(dtype, base, base) : random.bytes(40);
    const Status expected = has_grid ? Status::ok : Status::corrupt_data;
    CHECK(decode_blocks(dtype, coded, base) == expected);
    CHECK(decode_blocks(dtype, {}, {}) == expected);
    Bytes result(base.size());
    const Status refused = Status::corrupt_data;
    CHECK(decode_blocks(dtype, coded, {}, result) == refused);
    CHECK(decode_blocks(dtype, coded, ByteView(base).first(base.size() - 1), result) ==
          refused);
    CHECK(decode_blocks(dtype, coded, base, ByteSpan(result).first(result.size() - 1)) ==
          refused);
    CHECK(decode_blocks(dtype, coded, base, ByteSpan()) == refused);
  }
  Bytes result(100);
  CHECK(decode_blocks(static_cast<Dtype>(200), {}, Bytes(100), result) ==
        Status::corrupt_data);
}

TEST_CASE("blocks codec: coded bytes that are cut are refused, or not the result") {
  test::Random random(31);
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    SectionPair pair = test::make_section_pair(random, dtype, 12);
    pair.base.resize(pair.base.size() - block_bytes / 2);
    pair.result.resize(pair.base.size());
    const Bytes coded = encode(dtype, pair.base, pair.result);
    REQUIRE(coded.size() > 30);
    size_t refused = 0;
    for (size_t size = 0; size < coded.size(); ++size) {
      CAPTURE(size);
      Bytes result(pair.result.size());
      const Status status =
          decode_blocks(dtype, ByteView(coded).first(size), pair.base, result);
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
      // Where a block ends, a few made-up zeros say that all others are as in the base: it
      // is the check of the chunk that sees this. Far from the end it is not the result.
      refused += status == Status::ok ? 0 : 1;
      if (size + 9 < coded.size() && status == Status::ok) REQUIRE(result != pair.result);
    }
    CHECK(refused > coded.size() / 2);
    Bytes longer = coded;
    for (size_t more = 1; more <= 16; ++more) {
      longer.push_back(random.byte());
      if (more <= 8) continue;  // as many as the decoder may make up
      REQUIRE(decode_blocks(dtype, longer, pair.base) == Status::corrupt_data);
    }
  });
}

TEST_CASE("blocks codec: damaged coded bytes end with a status") {
  test::Random random = test::seeded("blocks codec damage");
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    SectionPair pair = test::make_section_pair(random, dtype, 10);
    pair.base.resize(pair.base.size() - random.below(block_bytes));
    pair.result.resize(pair.base.size());
    const Bytes coded = encode(dtype, pair.base, pair.result);
    for (int round = 0; round < 300; ++round) {
      Bytes damaged = round % 3 == 0
                          ? random.bytes(1 + random.below(500))
                          : random.changed(coded, 1 + random.below(coded.size()));
      if (round % 3 == 1) damaged.resize(random.below(2 * coded.size()));
      const Status status = decode_blocks(dtype, damaged, pair.base);
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
    }
  });
}

TEST_CASE("blocks codec: pack takes it for related blocks, but not when it must be fast" *
          doctest::test_suite("figures")) {
  test::Random random(31);
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    const SectionPair pair =
        test::make_related_sections(random, dtype, 200000 / block_bytes);
    const Packed thorough = packed(dtype, pair, 9);
    CHECK(thorough.codec == CodecId::blocks);
    CHECK((thorough.features & kFeatureBlocks) != 0);
    CHECK((thorough.features & kFeatureZstd) == 0);
    CHECK(packed(dtype, pair, 4).codec == CodecId::blocks);
    for (const int level : {1, 3}) {
      const Packed fast = packed(dtype, pair, level);
      CHECK(fast.codec != CodecId::blocks);
      CHECK((fast.features & kFeatureBlocks) == 0);
      CHECK(thorough.bytes < fast.bytes);
    }
  });
}

TEST_CASE("blocks codec: pack leaves it where there is no base, or nothing to gain") {
  test::Random random(32);
  const Bytes noise = random.bytes(144000);
  CHECK(packed(Dtype::q4_k, {noise, random.bytes(144000)}, 9).codec == CodecId::stored);
  CHECK(packed(Dtype::iq2_xs, {noise, random.changed(noise, 20)}, 9).codec !=
        CodecId::blocks);
  test::MadeChunk alone = one_section(Dtype::q4_k, {{}, noise});
  alone.steps[0].kind = StepKind::literal;
  CHECK((pack::encode_chunk(alone.input(true), 0, {9}).features & kFeatureBlocks) == 0);
}

TEST_CASE(
    "blocks codec: weights of another dtype tell codes, but not when it must be fast") {
  test::Random random(35);
  for (const Dtype dtype : test::kWeightDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const size_t blocks = 100000 / dtype_layout(dtype).block_bytes;
    const SectionPair pair = test::make_weight_sections(random, dtype, blocks);
    const test::MadeChunk chunk = one_section_by_weights(dtype, pair);
    const Packed thorough = packed(chunk, 9);
    CHECK(thorough.codec == CodecId::blocks);
    CHECK((thorough.features & kFeatureWeights) != 0);
    CHECK(thorough.bytes < pair.result.size() / 2);
    const Packed fast = packed(chunk, 3);
    CHECK(fast.codec != CodecId::blocks);
    CHECK((fast.features & (kFeatureWeights | kFeatureConverted)) == 0);
    // Others tell nothing.
    test::MadeChunk strange = chunk;
    strange.base = random.bytes(strange.base.size());
    CHECK((packed(strange, 9).features & kFeatureWeights) == 0);
  }
}

TEST_CASE("blocks codec: weights of steps of any length and place, in parts or together") {
  test::Random random = test::seeded("weights of steps");
  for (const Dtype dtype : test::kWeightDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const DtypeLayout& layout = dtype_layout(dtype);
    const SectionPair pair = test::make_weight_sections(random, dtype, 40);
    test::MadeChunk chunk = one_section_by_weights(dtype, pair);
    const Step whole = chunk.steps[0];
    chunk.steps.clear();
    for (uint64_t done = 0; done < 40;) {
      const uint64_t blocks = 1 + random.below(40 - done);
      Step step = whole;
      step.result_bytes = blocks * layout.block_bytes;
      step.base_offset = done * layout.block_elements * sizeof(uint32_t);
      step.place = place_of(dtype, 1 + random.below(4), done);
      chunk.steps.push_back(step);
      done += blocks;
    }
    CHECK(packed(chunk, 9).codec == CodecId::blocks);
  }
}

TEST_CASE("blocks codec: as small as planes where scales move and codes stay" *
          doctest::test_suite("figures")) {
  test::Random random(33);
  for_each_grid([&](Dtype dtype, size_t block_bytes) {
    std::vector<QuantBlock> base;
    std::vector<QuantBlock> result;
    for (size_t i = 0; i < 200000 / block_bytes; ++i) {
      base.push_back(test::random_block(random, *quant_grid(dtype)));
      result.push_back(base.back());
      const int scale = result.back().scale;
      const bool is_power = quant_grid(dtype)->scale == Scale::power;
      result.back().scale = static_cast<uint16_t>(
          scale + (is_power ? 1 : (0x400 + scale % 0x400) / 20));  // * 2, * 1.05
    }
    const SectionPair pair = {test::bytes_of(dtype, base), test::bytes_of(dtype, result)};
    CHECK(packed(dtype, pair, 9).bytes <= packed(dtype, pair, 3).bytes * 5 / 4 + 50);
  });
}
