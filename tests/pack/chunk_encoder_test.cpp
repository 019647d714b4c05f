// A chunk encoded and decoded: the laws of HOUSE that a chunk can show.
#include "mallorn-pack/chunk_encoder.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/crc32c.hpp"
#include "tests/support/chunks.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;

namespace {

apply::ChunkWorkspace& chunk_workspace() {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  return *space;
}

// Checks the way there and back; returns the length of the record.
size_t check_chunk(const MadeChunk& chunk, int level) {
  const pack::PackOptions options{level};
  const pack::EncodedChunk coded =
      pack::encode_chunk(chunk.input(true), chunk.base.size(), options);
  REQUIRE(coded.record[0] == static_cast<uint8_t>(RecordKind::chunk));
  REQUIRE(coded.record.size() <= kMaxRecordBytes);
  REQUIRE((coded.features & ~kKnownFeatures) == 0);
  // Inline, pack does not have the bytes that are copied: the record is the same.
  REQUIRE(pack::encode_chunk(chunk.input(false), chunk.base.size(), options).record ==
          coded.record);
  apply::HostSections sections;
  const Status status =
      apply::decode_chunk(ByteView(coded.record).subspan(1), chunk.base,
                          chunk.result_offset, sections, &chunk_workspace());
  REQUIRE(status == Status::ok);
  REQUIRE(chunk_workspace().view.header.result_bytes == chunk.result.size());
  REQUIRE(chunk_workspace().view.header.check == crc32c(0, chunk.result));
  REQUIRE(test::result_of(chunk_workspace(), chunk.base) == chunk.result);
  return coded.record.size();
}

MadeChunk one_step(StepKind kind, Dtype dtype, const Bytes& base, const Bytes& result) {
  MadeChunk chunk;
  chunk.base = base;
  chunk.result = result;
  Step step;
  step.kind = kind;
  step.dtype = dtype;
  step.result_bytes = result.size();
  chunk.steps = {step};
  return chunk;
}

}  // namespace

TEST_CASE("chunk: no record is too long to be made again") {
  const DtypeTable table = dtype_table();
  MadeChunk chunk;
  for (size_t i = 0; i < table.count; ++i) {
    const DtypeLayout& layout = table.entries[i];
    if (layout.block_bytes > 2) continue;
    Step& step = chunk.steps.emplace_back();
    step.kind = StepKind::literal;
    step.dtype = layout.dtype;
    step.result_bytes = layout.block_bytes;
    chunk.result.resize(chunk.result.size() + layout.block_bytes,
                        static_cast<uint8_t>(37 * i));
  }
  for (const int level : {1, 9, 19}) {
    CHECK(may_be_made_again(check_chunk(chunk, level), chunk.result.size()));
  }
  CHECK_FALSE(may_be_made_again(65, 0));
  CHECK(may_be_made_again(66, 1));
  CHECK_FALSE(may_be_made_again(67, 1));
  CHECK(may_be_made_again(kMaxRecordBytes, UINT64_MAX));
}

TEST_CASE("chunk: random bases, results and steps come back, with bounded growth") {
  test::Random random = test::seeded("chunk round trip");
  for (int round = 0; round < test::rounds(50); ++round) {
    const size_t count = 1 + random.length(60);
    const MadeChunk chunk = test::make_chunk(random, random.length(30000), count, 3000);
    const size_t size = check_chunk(chunk, 1 + static_cast<int>(random.below(5)));
    // A head, a dozen bytes for a step, and what noise costs in ByteModel.
    REQUIRE(size <= 64 + 24 * kMaxChunkSections + 12 * chunk.steps.size() +
                        chunk.result.size() * 21 / 20);
  }
}

TEST_CASE("chunk: all dtypes, all small sizes, predicted and literal") {
  test::Random random = test::seeded("chunk dtypes");
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    const Dtype dtype = table.entries[i].dtype;
    const size_t block = table.entries[i].block_bytes;
    CAPTURE(table.entries[i].name);
    for (const size_t size :
         {size_t{1}, block, block + 1, 3 * block, 40 * block + block / 2}) {
      CAPTURE(size);
      const Bytes base = random.bytes(size);
      check_chunk(one_step(StepKind::predict, dtype, base, random.changed(base, 7)), 3);
      check_chunk(one_step(StepKind::predict, dtype, base, random.bytes(size)), 3);
      check_chunk(one_step(StepKind::literal, dtype, {}, random.bytes(size)), 3);
    }
  }
}

TEST_CASE("chunk: a higher level makes nothing that is clearly larger") {
  test::Random random = test::seeded("chunk levels");
  // Halves kept as floats: their lowest bits are all zero.
  Bytes scales(100000);
  for (size_t at = 0; at < scales.size(); at += 4)
    store_le(&scales[at], 0x3C000000u + static_cast<uint32_t>(random.below(1000) << 13));
  Bytes moved = scales;
  for (size_t at = 0; at < moved.size(); at += 4) {
    if (random.chance(2)) continue;
    const uint32_t before = load_le<uint32_t>(&scales[at]);
    store_le(&moved[at], before + static_cast<uint32_t>(random.below(5) << 13) - 0x4000u);
  }
  // Two codes in a byte.
  const Bytes packed = random.bytes(100000);
  Bytes tuned = packed;
  for (uint8_t& byte : tuned) {
    if (random.chance(12)) byte = static_cast<uint8_t>(byte + 1);
    if (random.chance(12)) byte = static_cast<uint8_t>(byte + 16 * (1 + random.below(3)));
  }
  for (const MadeChunk& chunk : {one_step(StepKind::predict, Dtype::f32, scales, moved),
                                 one_step(StepKind::predict, Dtype::u8, packed, tuned)}) {
    const size_t fast = check_chunk(chunk, 3);
    CHECK(check_chunk(chunk, 9) <= fast + fast / 50);
    CHECK(check_chunk(chunk, 19) <= fast + fast / 50);
  }
}

TEST_CASE("chunk: the model of bytes makes what is long only where that saves much" *
          doctest::test_suite("figures")) {
  // Of each letter the one before tells a little, a tenth of the patch in all.
  test::Random random(20);
  Bytes letters(300000, 'a');
  for (size_t i = 1; i < letters.size(); ++i) {
    const uint64_t letter =
        random.below(10) < 3 ? letters[i - 1] - uint64_t{'a'} + 1 : random.below(16);
    letters[i] = static_cast<uint8_t>('a' + letter % 16);
  }
  const MadeChunk chunk = one_step(StepKind::literal, Dtype::opaque, {}, letters);
  const auto is_modelled = [&](const pack::PackOptions& options) {
    const auto coded = pack::encode_chunk(chunk.input(true), 0, options);
    const bool has_model = coded.modelled_bytes == letters.size();
    CHECK(has_model == ((coded.features & kFeatureStructure) != 0));
    return has_model;
  };
  CHECK_FALSE(is_modelled({3}));
  CHECK_FALSE(is_modelled({9}));
  CHECK_FALSE(is_modelled({18}));
  CHECK(is_modelled({19}));
  CHECK(is_modelled({19, true}));
  CHECK(check_chunk(chunk, 9) > check_chunk(chunk, 19));
}

TEST_CASE("chunk: every length from one byte") {
  test::Random random = test::seeded("chunk lengths");
  for (size_t size = 1; size < 70; ++size) {
    const Bytes base = random.text(size);
    const Bytes result = random.changed(base, 5);
    check_chunk(one_step(StepKind::literal, Dtype::opaque, {}, result), 19);
    check_chunk(one_step(StepKind::predict, Dtype::opaque, base, result), 19);
    check_chunk(one_step(StepKind::copy, Dtype::opaque, base, base), 19);
  }
}

TEST_CASE("chunk: the largest there is, of noise, grows by little") {
  test::Random random(14);
  const Bytes noise = random.bytes(kMaxChunkCoded);
  for (const Dtype dtype : {Dtype::opaque, Dtype::u8, Dtype::f32, Dtype::q4_k}) {
    const MadeChunk chunk = one_step(StepKind::literal, dtype, {}, noise);
    // Opaque bytes go through ByteModel, which grows noise; elements that are noise are
    // stored.
    const size_t growth = dtype == Dtype::opaque ? noise.size() / 100 : 200;
    CHECK(check_chunk(chunk, 1) <= noise.size() + growth);
  }
}

TEST_CASE("chunk: as many steps as there may be") {
  test::Random random(15);
  MadeChunk chunk;
  chunk.base = random.bytes(50000);
  for (uint32_t i = 0; i < kMaxChunkSteps; ++i) {
    Step step;
    step.kind = static_cast<StepKind>(i % 3);
    step.result_bytes = 1 + random.below(5);
    step.base_offset =
        step.kind == StepKind::literal ? 0 : random.below(chunk.base.size() - 5);
    chunk.steps.push_back(step);
    for (uint64_t k = 0; k < step.result_bytes; ++k) {
      const bool is_copy = step.kind == StepKind::copy;
      chunk.result.push_back(is_copy ? chunk.base[step.base_offset + k] : random.byte());
    }
  }
  CHECK(check_chunk(chunk, 1) <= kMaxRecordBytes);
}

TEST_CASE("chunk: an unchanged tensor costs a few bytes, a small change a little more") {
  test::Random random(16);
  const Bytes base = random.bytes(100000);
  CHECK(check_chunk(one_step(StepKind::copy, Dtype::opaque, base, base), 3) < 32);
  CHECK(check_chunk(one_step(StepKind::predict, Dtype::f32, base, base), 3) < 80);
  CHECK(check_chunk(
            one_step(StepKind::predict, Dtype::i8, base, random.changed(base, 2000)), 19) <
        600);
  const Bytes text = random.text(30000);
  Bytes edited = text;
  edited.insert(edited.begin() + 15000, 30, 'z');
  CHECK(check_chunk(one_step(StepKind::literal, Dtype::opaque, {}, text), 3) < 15000);
  MadeChunk inserted = one_step(StepKind::predict, Dtype::opaque, text, edited);
  inserted.steps[0].predictor = Predictor::bytes;
  CHECK(check_chunk(inserted, 3) < 250);
}

TEST_CASE("chunk: short tensors of many types cost hardly more than those of one") {
  test::Random random = test::seeded("chunk short tensors");
  const DtypeTable table = dtype_table();
  MadeChunk many;
  for (size_t i = 0; i < table.count && i < kMaxChunkSections; ++i) {
    const DtypeLayout& layout = table.entries[i];
    Step& step = many.steps.emplace_back();
    step.kind = StepKind::predict;
    step.dtype = layout.dtype;
    step.base_offset = many.base.size();
    step.result_bytes = (1 + 99 / layout.block_bytes) * layout.block_bytes;
    const Bytes base = random.bytes(step.result_bytes);
    many.base.insert(many.base.end(), base.begin(), base.end());
  }
  many.result = random.changed(many.base, 64);
  MadeChunk one = many;
  for (Step& step : one.steps) step.dtype = Dtype::opaque;
  for (const int level : {9, 19}) {
    CAPTURE(level);
    CHECK(check_chunk(many, level) <= check_chunk(one, level) + 16);
  }
}

TEST_CASE("chunk: bytes that go apart do not bring others among the steps" *
          doctest::test_suite("figures")) {
  const auto chunk_with = [&](size_t noise_bytes) {
    MadeChunk chunk;
    chunk.base = test::Random(4).text(2100);
    const auto add = [&](StepKind kind, Dtype dtype, const Bytes& bytes) {
      Step& step = chunk.steps.emplace_back();
      step.kind = kind;
      step.dtype = dtype;
      step.predictor = dtype == Dtype::opaque ? Predictor::bytes : Predictor::same_value;
      step.result_bytes = bytes.size();
      chunk.result.insert(chunk.result.end(), bytes.begin(), bytes.end());
    };
    add(StepKind::literal, Dtype::opaque, test::Random(5).bytes(noise_bytes));
    Bytes changed = chunk.base;
    for (size_t i = 9; i < changed.size(); i += 10)
      changed.insert(changed.begin() + static_cast<ptrdiff_t>(i), 0xA5);
    add(StepKind::predict, Dtype::opaque, Bytes(changed.begin(), changed.begin() + 2000));
    for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i8, Dtype::u8,
                              Dtype::i16, Dtype::u16, Dtype::i32, Dtype::u32}) {
      Bytes codes = test::Random(static_cast<uint64_t>(dtype)).bytes(1792);
      for (uint8_t& code : codes) code = static_cast<uint8_t>(64 + code % 64);
      add(StepKind::literal, dtype, codes);
    }
    return chunk;
  };
  // Sections of bytes are tried from 64 KiB on.
  const size_t before = check_chunk(chunk_with(63500), 9) - 63500;
  CHECK(check_chunk(chunk_with(64000), 9) - 64000 <= before + 100);
}

TEST_CASE("chunk: picks that tell nothing do not make a record too long") {
  constexpr uint32_t kRows = 1u << 22;
  constexpr uint32_t kRowBytes = 16;
  test::Random random = test::seeded("chunk long picks");
  MadeChunk chunk;
  chunk.base.assign(size_t{kRows} * kRowBytes, 7);
  for (size_t i = 0; i < 4; ++i) {
    Step& step = chunk.steps.emplace_back();
    step.kind = StepKind::predict;
    step.dtype = Dtype::u8;
    step.predictor = Predictor::permuted;
    step.permutation = {2, 0, {kRows, kRowBytes}, {0, 1}, {kMaxChunkPicks / 4, 0}};
    for (uint32_t k = 0; k < kMaxChunkPicks / 4; ++k)
      step.picks.push_back(static_cast<uint32_t>(random.below(kRows)));
    step.result_bytes = kMaxChunkCoded / 4;
  }
  chunk.result = random.bytes(kMaxChunkCoded);
  for (uint8_t& byte : chunk.result) {
    if (random.chance(33)) byte = 7;
  }
  for (uint32_t i = 0; i < kMaxChunkSteps - 4; ++i) {
    Step& step = chunk.steps.emplace_back();
    step.kind = StepKind::copy;
    step.result_bytes = 1 + random.below(4000);
    step.base_offset = random.below(chunk.base.size() - step.result_bytes);
    chunk.result.resize(chunk.result.size() + step.result_bytes, 7);
  }
  CHECK(check_chunk(chunk, 3) <= kMaxRecordBytes);
}

TEST_CASE("chunk: encoding twice gives the same bytes, whatever was encoded in between") {
  test::Random random(17);
  const MadeChunk first = test::make_chunk(random, 20000, 40, 3000);
  const MadeChunk other = test::make_chunk(random, 20000, 40, 3000);
  const auto encode = [](const MadeChunk& chunk) {
    return pack::encode_chunk(chunk.input(true), chunk.base.size(), {3}).record;
  };
  const Bytes before = encode(first);
  (void)encode(other);
  CHECK(encode(first) == before);
}

TEST_CASE("chunk: features say what a reader must know") {
  const Bytes text(3000, 'a');
  const auto features = [](const MadeChunk& chunk) {
    return pack::encode_chunk(chunk.input(true), chunk.base.size(), {3}).features;
  };
  CHECK(features(one_step(StepKind::copy, Dtype::opaque, text, text)) == 0);
  CHECK(features(one_step(StepKind::literal, Dtype::opaque, {}, Bytes(1000, 'a'))) ==
        kFeatureStructure);
  CHECK(features(one_step(StepKind::literal, Dtype::opaque, {}, text)) == kFeatureZstd);
  const Bytes noise = test::Random(18).bytes(200000);
  CHECK(features(one_step(StepKind::literal, Dtype::u8, {}, noise)) == 0);  // stored
  CHECK((features(one_step(StepKind::literal, Dtype::u8, {}, Bytes(200000, 'a'))) &
         kFeatureZstd) != 0);
}
