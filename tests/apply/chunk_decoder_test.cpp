// decode_chunk on hostile records. What it makes of good ones is
// tests/pack/chunk_encoder_test.cpp.
#include "mallorn-apply/core/chunk_decoder.hpp"

#include <doctest/doctest.h>

#include <set>

#include "libcommon/core/f32_arithmetic.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/apply/patches.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;

namespace {

apply::ChunkWorkspace& workspace() {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  return *space;
}

// Decodes; if that succeeds, all that it says to copy lies inside the base.
Status decode(ByteView record, ByteView base, uint64_t offset = 0) {
  apply::HostSections sections;
  const Status status = apply::decode_chunk(record, base, offset, sections, &workspace());
  if (status == Status::ok) {
    const Bytes result = test::result_of(workspace(), base);
    REQUIRE(result.size() == workspace().view.header.result_bytes);
  }
  return status;
}

bool is_expected(Status status) {
  return status == Status::ok || status == Status::truncated ||
         status == Status::malformed || status == Status::limit_exceeded ||
         status == Status::unknown_codec || status == Status::corrupt_data;
}

// The length of the head: everything before the structure.
size_t head_bytes(const Bytes& record) {
  const auto view = std::make_unique<ChunkView>();
  REQUIRE(read_chunk(record, view.get()) == Status::ok);
  return static_cast<size_t>(view->structure.data() - record.data());
}

// A chunk whose structure is these steps; the bytes of `bytes` steps are zeros.
struct Writer {
  ChunkHeader header;
  std::vector<CodedStep> steps;
  Permutation permutation{};  // of each step of a permuted section
  std::vector<uint32_t> picks;
  uint64_t straight = 0;

  void write_permutation(pack::RangeEncoder& coder, StepModel& model) const {
    model.code_permutation(coder, permutation);
    std::vector<uint32_t> left = picks;
    size_t at = 0;
    for (uint32_t axis = 0; axis < kMaxAxes; ++axis) {
      const size_t count = std::min<size_t>(permutation.picked[axis], left.size() - at);
      model.code_picks(coder, std::span<uint32_t>(left).subspan(at, count));
      at += count;
    }
  }

  Bytes record() const {
    Bytes structure;
    pack::RangeEncoder coder(structure);
    const auto model = std::make_unique<StepModel>();
    const auto bytes = std::make_unique<ByteModel>();
    const auto derived = std::make_unique<DerivedModel>();
    model->begin_chunk(straight);
    bytes->begin_chunk(header.own_bytes());
    derived->begin_chunk();
    for (const CodedStep& step : steps) {
      model->code(coder, step);
      if (step.kind == CodedStepKind::bytes && step.length_bytes < 1000) {
        BaseCursor cursor({}, 0, 0);
        bytes->begin_step(0, 0);
        for (uint64_t i = 0; i < step.length_bytes; ++i) bytes->code(coder, 0, cursor);
      } else if (step.kind == CodedStepKind::derived) {
        derived->begin_step();
        for (uint64_t i = 0; i < std::min<uint64_t>(step.length_bytes, 1000) / 4; ++i) {
          derived->code(coder, 0);
        }
        model->pass(step.length_bytes);
      } else if (step.address != AddressKind::none) {
        const bool is_section = step.kind == CodedStepKind::section;
        if (is_section && header.sections[step.section].is_permuted)
          write_permutation(coder, *model);
        const uint64_t stop = step.base_offset + step.length_bytes;
        model->end_step(step.base_offset, stop, stop);
      }
    }
    coder.finish();
    Bytes record(64 + kMaxChunkSections * 23);
    ByteWriter writer(record);
    write_chunk_header(header, writer);
    record.resize(writer.size());
    record.insert(record.end(), structure.begin(), structure.end());
    for (uint32_t i = 0; i < header.section_count; ++i) {
      record.insert(record.end(), header.sections[i].coded_bytes, 0x55);
    }
    return record;
  }
};

CodedStep coded(CodedStepKind kind, uint64_t length,
                AddressKind address = AddressKind::none, uint64_t base_offset = 0,
                uint32_t section = 0) {
  CodedStep step{};
  step.kind = kind;
  step.section = section;
  step.length_bytes = length;
  step.address = address;
  step.base_offset = base_offset;
  return step;
}

// Numbers that are twice those `ahead` of it, or behind it if that is negative.
CodedStep derived(uint64_t length, int64_t ahead, uint32_t factor = 0x40000000) {
  CodedStep step = coded(CodedStepKind::derived, length);
  step.source_is_ahead = ahead > 0;
  step.source_distance = static_cast<uint64_t>(ahead < 0 ? -ahead : ahead);
  step.factor = factor;
  return step;
}

Status chunk_status(uint64_t result, uint64_t coded_result, std::vector<CodedStep> steps,
                    const std::vector<SectionHeader>& sections = {}) {
  const Bytes base(100, 1);
  Writer writer;
  writer.header.result_bytes = result;
  writer.header.coded_result_bytes = coded_result;
  for (const SectionHeader& section : sections) {
    writer.header.sections[writer.header.section_count++] = section;
  }
  writer.steps = std::move(steps);
  return decode(writer.record(), base);
}

constexpr CodedStepKind kCopy = CodedStepKind::copy;
constexpr CodedStepKind kBytes = CodedStepKind::bytes;
constexpr CodedStepKind kSection = CodedStepKind::section;
constexpr AddressKind kNear = AddressKind::near;

}  // namespace

TEST_CASE("chunk decoder: copies inside the base, and not one byte further") {
  CHECK(chunk_status(10, 0, {coded(kCopy, 10, AddressKind::straight)}) == Status::ok);
  CHECK(chunk_status(100, 0, {coded(kCopy, 100, AddressKind::straight)}) == Status::ok);
  CHECK(chunk_status(101, 0, {coded(kCopy, 101, AddressKind::straight)}) ==
        Status::corrupt_data);
  CHECK(chunk_status(10, 0, {coded(kCopy, 10, kNear, 90)}) == Status::ok);
  CHECK(chunk_status(10, 0, {coded(kCopy, 10, kNear, 91)}) == Status::corrupt_data);
  CHECK(chunk_status(10, 0, {coded(kCopy, 10, kNear, (1ull << 63) - 1)}) ==
        Status::corrupt_data);
  CHECK(chunk_status(10, 0, {coded(kCopy, 10)}) == Status::corrupt_data);  // from nowhere
  // After a copy up to the end, `straight` is the end.
  CHECK(chunk_status(101, 0,
                     {coded(kCopy, 100, AddressKind::straight),
                      coded(kCopy, 1, AddressKind::straight)}) == Status::corrupt_data);
}

TEST_CASE("chunk decoder: addresses that wrap below zero are refused") {
  Writer writer;
  writer.header.result_bytes = 2;
  writer.straight = 50;  // what the writer believes; the decoder begins at 0
  writer.steps = {coded(kCopy, 2, kNear, 10)};
  CHECK(decode(writer.record(), Bytes(100, 1)) == Status::corrupt_data);
  CHECK(decode(writer.record(), Bytes(100, 1), 50) == Status::ok);
}

TEST_CASE("chunk decoder: steps make the chunk's bytes, no more, no less") {
  CHECK(chunk_status(10, 10, {coded(kBytes, 10)}) == Status::ok);
  CHECK(chunk_status(10, 10, {coded(kBytes, 11)}) == Status::corrupt_data);
  CHECK(chunk_status(10, 10, {coded(kBytes, 0), coded(kBytes, 10)}) ==
        Status::corrupt_data);
  CHECK(chunk_status(10, 5, {coded(kBytes, 10)}) == Status::corrupt_data);
  CHECK(chunk_status(10, 5, {coded(kBytes, 4), coded(kCopy, 6, AddressKind::straight)}) ==
        Status::corrupt_data);
  CHECK(chunk_status(10, 4, {coded(kBytes, 4), coded(kCopy, 6, AddressKind::straight)}) ==
        Status::ok);
  CHECK(chunk_status(10, 10, {coded(kBytes, (1ull << 62))}) == Status::corrupt_data);
}

TEST_CASE("chunk decoder: a few bytes do not make a megabyte of work") {
  workspace().coded.fill(0x11);
  CHECK(chunk_status(kMaxChunkCoded, kMaxChunkCoded, {coded(kBytes, kMaxChunkCoded)}) ==
        Status::corrupt_data);
  CHECK(workspace().coded[0] == 0xFF);
  CHECK(workspace().coded[kMaxChunkCoded / 4] == 0x11);
  CHECK(workspace().coded[kMaxChunkCoded - 1] == 0x11);
}

TEST_CASE("chunk decoder: bytes may begin at the end of the base, and not beyond") {
  CHECK(chunk_status(10, 10, {coded(kBytes, 10, kNear, 100)}) == Status::ok);
  CHECK(chunk_status(10, 10, {coded(kBytes, 10, kNear, 101)}) == Status::corrupt_data);
}

TEST_CASE("chunk decoder: sections hold exactly what their steps take") {
  const SectionHeader four = {CodecId::stored, Dtype::u8, false, 4, 4};
  const SectionHeader based = {CodecId::stored, Dtype::u8, true, 4, 4};
  CHECK(chunk_status(4, 4, {coded(kSection, 4)}, {four}) == Status::ok);
  CHECK(workspace().coded[3] == 0x55);
  CHECK(chunk_status(4, 4, {coded(kSection, 2), coded(kSection, 2)}, {four}) == Status::ok);
  CHECK(chunk_status(5, 5, {coded(kSection, 5)}, {four}) == Status::corrupt_data);
  CHECK(chunk_status(5, 5, {coded(kSection, 3), coded(kSection, 2)}, {four}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 3), coded(kBytes, 1)}, {four}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, AddressKind::none, 0, 1)}, {four}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, AddressKind::none, 0, 63)}, {four}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4)}) == Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, AddressKind::straight)}, {based}) ==
        Status::ok);
  CHECK(chunk_status(4, 4, {coded(kSection, 4)}, {based}) == Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, AddressKind::straight)}, {four}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, kNear, 97)}, {based}) ==
        Status::corrupt_data);
  CHECK(chunk_status(4, 4, {coded(kSection, 4, kNear, 96)}, {based}) == Status::ok);
}

TEST_CASE("chunk decoder: derived numbers follow from any bytes of the chunk") {
  const auto number = [](size_t at) {
    return load_le<uint32_t>(workspace().coded.data() + at);
  };
  constexpr uint32_t kOnes = 0x01010101;  // what the base is full of
  const SectionHeader four = {CodecId::stored, Dtype::u8, false, 4, 4};
  // From a copy, before it and behind it.
  CHECK(chunk_status(8, 4, {coded(kCopy, 4, AddressKind::straight), derived(4, -4)}) ==
        Status::ok);
  CHECK(number(0) == f32_product(kOnes, 0x40000000));
  CHECK(chunk_status(8, 4, {derived(4, 4), coded(kCopy, 4, kNear, 96)}) == Status::ok);
  CHECK(number(0) == f32_product(kOnes, 0x40000000));
  // From a section, which is decoded later than the steps.
  CHECK(chunk_status(8, 8, {derived(4, 4), coded(kSection, 4)}, {four}) == Status::ok);
  CHECK(number(0) == f32_product(0x55555555, 0x40000000));
  // From several steps, and from numbers that were derived before.
  CHECK(chunk_status(14, 11,
                     {coded(kBytes, 3), coded(kCopy, 3, kNear, 7), derived(4, -5),
                      derived(4, -6)}) == Status::ok);
  CHECK(number(3) == f32_product(0x01010000, 0x40000000));
  CHECK(number(7) == f32_product(number(3) << 16 | 0x0101, 0x40000000));
}

TEST_CASE("chunk decoder: derived numbers without a source that is known are refused") {
  const CodedStep eight = coded(kBytes, 8);
  CHECK(chunk_status(16, 16, {eight, derived(8, -8)}) == Status::ok);
  CHECK(chunk_status(16, 16, {eight, derived(8, -9)}) ==
        Status::corrupt_data);  // chunk's begin
  CHECK(chunk_status(16, 16, {derived(8, 8), eight}) == Status::ok);
  CHECK(chunk_status(16, 16, {derived(8, 9), eight}) == Status::corrupt_data);  // its end
  CHECK(chunk_status(16, 16, {derived(8, 17), eight}) == Status::corrupt_data);
  CHECK(chunk_status(16, 16, {derived(8, INT64_MAX), eight}) == Status::corrupt_data);
  CHECK(chunk_status(16, 16, {eight, derived(8, -INT64_MAX)}) == Status::corrupt_data);
  // Itself, in part or whole; derived numbers that come later.
  CHECK(chunk_status(16, 16, {eight, derived(8, 0)}) == Status::corrupt_data);
  CHECK(chunk_status(16, 16, {eight, derived(8, -1)}) == Status::corrupt_data);
  CHECK(chunk_status(16, 16, {derived(8, 7), eight}) == Status::corrupt_data);
  CHECK(chunk_status(24, 24, {derived(8, 8), derived(8, 8), eight}) ==
        Status::corrupt_data);
  CHECK(chunk_status(24, 24, {eight, derived(8, -8), derived(8, -8)}) == Status::ok);
}

TEST_CASE("chunk decoder: derived numbers are whole; factors may be anything") {
  const CodedStep eight = coded(kBytes, 8);
  for (const uint64_t length : {1, 2, 3, 5, 6, 7}) {
    CHECK(chunk_status(8 + length, 8 + length, {eight, derived(length, -8)}) ==
          Status::corrupt_data);
  }
  for (const uint32_t factor : {0x7F800000u, 0xFF800000u, 0x7FC00000u}) {
    workspace().coded.fill(0x11);
    CHECK(chunk_status(16, 16, {eight, derived(8, -8, factor)}) == Status::ok);
    CHECK(workspace().coded[8] == 0);
    CHECK(workspace().coded[15] == 0);
  }
}

TEST_CASE("chunk decoder: a few bytes do not make a megabyte of numbers") {
  workspace().coded.fill(0x11);
  CHECK(chunk_status(kMaxChunkCoded, kMaxChunkCoded - 4,
                     {coded(kCopy, 4, AddressKind::straight),
                      derived(kMaxChunkCoded - 4, -4)}) == Status::corrupt_data);
  CHECK(workspace().coded[kMaxChunkCoded / 2] == 0x11);
}

TEST_CASE("chunk decoder: a stored section has as many bytes as it makes") {
  for (const uint64_t length : {uint64_t{3}, uint64_t{5}}) {
    CHECK(chunk_status(4, 4, {coded(kSection, 4)},
                       {{CodecId::stored, Dtype::u8, false, 4, length}}) ==
          Status::corrupt_data);
  }
}

TEST_CASE("chunk decoder: a converted section reads what is converted, and no more") {
  const auto section = [](Dtype dtype, uint64_t length, Conversion conversion) {
    return SectionHeader{CodecId::stored, dtype, true, length, 0, conversion};
  };
  const SectionHeader halves = section(Dtype::f16, 20, {Dtype::f32});
  const auto status = [](const SectionHeader& header, uint64_t offset) {
    const uint64_t length = header.result_bytes;
    return chunk_status(length, length, {coded(kSection, length, kNear, offset)}, {header});
  };
  workspace().coded.fill(0x11);
  CHECK(status(halves, 60) == Status::ok);
  CHECK(workspace().coded[0] == 0);  // 2^-125 or so
  CHECK(status(halves, 61) == Status::corrupt_data);
  CHECK(status(section(Dtype::f16, 21, {Dtype::f32}), 0) == Status::corrupt_data);
  const SectionHeader singles = section(Dtype::f32, 200, {Dtype::bf16});
  CHECK(status(singles, 0) == Status::ok);
  CHECK(workspace().coded[199] == 1);
  CHECK(workspace().coded[197] == 0);
  CHECK(status(singles, 1) == Status::corrupt_data);
  CHECK(status(section(Dtype::q8_0, 34, {Dtype::bf16}), 36) == Status::ok);
  CHECK(status(section(Dtype::q8_0, 34, {Dtype::bf16}), 37) == Status::corrupt_data);
  CHECK(status(section(Dtype::q8_0, 33, {Dtype::bf16}), 0) == Status::corrupt_data);
  CHECK(status(section(Dtype::f32, 256, {Dtype::q4_0}), 64) == Status::ok);
  CHECK(status(section(Dtype::f32, 256, {Dtype::q4_0}), 65) == Status::corrupt_data);
}

TEST_CASE("chunk decoder: a permuted step reads all of a tensor, and no more") {
  const auto status = [](const Permutation& permutation, uint64_t offset, uint64_t length,
                         uint32_t count = 1, const std::vector<uint32_t>& picks = {}) {
    Bytes base(100);
    for (size_t i = 0; i < base.size(); ++i) base[i] = static_cast<uint8_t>(i);
    Writer writer;
    writer.header.result_bytes = writer.header.coded_result_bytes = count * length;
    writer.header.section_count = 1;
    writer.header.sections[0] = {
        CodecId::stored, Dtype::i16, true, count * length, 0, {}, {}, true};
    writer.steps.assign(count, coded(kSection, length, kNear, offset));
    writer.permutation = permutation;
    writer.picks = picks;
    return decode(writer.record(), base);
  };
  const Permutation matrix = {2, 0, {4, 5}, {1, 0}};
  CHECK(status(matrix, 60, 40) == Status::ok);
  CHECK(workspace().coded[2] == 70);
  CHECK(workspace().coded[8] == 62);
  CHECK((used_features(workspace()) & kFeaturePermuted) != 0);
  CHECK(base_bytes_of(workspace(), workspace().step[0]) == 40);
  CHECK(status(matrix, 61, 40) == Status::corrupt_data);
  CHECK(status(matrix, 61, 2) == Status::corrupt_data);
  CHECK(status(matrix, 0, 39) == Status::corrupt_data);
  CHECK(status(matrix, 0, 42) == Status::corrupt_data);
  CHECK(status({2, 19, {4, 5}, {1, 0}}, 0, 2) == Status::ok);
  CHECK(status({2, 19, {4, 5}, {1, 0}}, 0, 4) == Status::corrupt_data);
  CHECK(status({2, UINT32_MAX, {4, 5}, {1, 0}}, 0, 2) == Status::corrupt_data);
  CHECK(status({2, 0, {UINT32_MAX, UINT32_MAX}, {1, 0}}, 0, 2) == Status::corrupt_data);
  CHECK(status({2, 0, {0, 5}, {1, 0}}, 0, 2) == Status::corrupt_data);
  CHECK(status({3, 0, {2, 2, 2}, {0, 1, 3}}, 0, 2) == Status::corrupt_data);
  // Not permuted: what it makes, as it stands.
  CHECK(status({}, 60, 40) == Status::ok);
  CHECK(workspace().coded[2] == 62);
  CHECK(status({}, 61, 40) == Status::corrupt_data);
  CHECK(status({}, 60, 40, 1000) == Status::ok);
  CHECK(status(matrix, 60, 40, kMaxChunkPermuted) == Status::ok);
  CHECK(status(matrix, 60, 40, kMaxChunkPermuted + 1) == Status::limit_exceeded);
  // Of three columns out of five.
  const Permutation columns = {2, 0, {4, 5}, {0, 1}, {0, 3}};
  CHECK(status(columns, 60, 24, 1, {4, 0, 1}) == Status::ok);
  CHECK(workspace().coded[0] == 68);
  CHECK(workspace().coded[2] == 60);
  CHECK(workspace().coded[6] == 78);
  CHECK(base_bytes_of(workspace(), workspace().step[0]) == 40);
  CHECK(status(columns, 60, 26, 1, {4, 0, 1}) == Status::corrupt_data);
  CHECK(status(columns, 60, 24, 1, {4, 5, 1}) == Status::corrupt_data);
  CHECK(status({5, 0, {4, 5}, {0, 1}}, 60, 24) == Status::corrupt_data);
  const auto picked = [](uint32_t count) { return Permutation{1, 0, {20}, {0}, {count}}; };
  const std::vector<uint32_t> many(kMaxChunkPicks, 7);
  CHECK(status(picked(kMaxChunkPicks), 60, 2, 1, many) == Status::ok);
  CHECK(status(picked(kMaxChunkPicks + 1), 60, 2, 1, many) == Status::limit_exceeded);
  CHECK(status(picked(kMaxChunkPicks / 2 + 1), 60, 2, 2, many) == Status::limit_exceeded);
  CHECK(status(picked(UINT32_MAX), 60, 2) == Status::limit_exceeded);
}

TEST_CASE("chunk decoder: only what is converted may have no payload") {
  SectionHeader section = {CodecId::stored, Dtype::bf16, true, 8, 0, {Dtype::f32}};
  const CodedStep step = coded(kSection, 8, kNear, 0);
  CHECK(chunk_status(8, 8, {step}, {section}) == Status::ok);
  CHECK((used_features(workspace()) & kFeatureConverted) != 0);
  section.coded_bytes = 7;
  CHECK(chunk_status(8, 8, {step}, {section}) == Status::corrupt_data);
  section.coded_bytes = 8;
  CHECK(chunk_status(8, 8, {step}, {section}) == Status::ok);
  section.coded_bytes = 0;
  section.conversion = {};
  CHECK(chunk_status(8, 8, {step}, {section}) == Status::corrupt_data);
}

TEST_CASE("chunk decoder: as many steps as a chunk may have, and one more") {
  const auto with_steps = [](uint32_t count) {
    Writer writer;
    writer.header.result_bytes = count;
    writer.steps.assign(count, coded(kCopy, 1, kNear, 0));
    return decode(writer.record(), Bytes(100, 1));
  };
  CHECK(with_steps(kMaxChunkSteps) == Status::ok);
  CHECK(with_steps(kMaxChunkSteps + 1) == Status::limit_exceeded);
}

TEST_CASE("chunk decoder: a record of nothing but zeros or ones ends with a status") {
  for (const uint8_t value : {uint8_t{0x00}, uint8_t{0x01}, uint8_t{0x7F}, uint8_t{0xFF}}) {
    for (size_t size = 0; size < 200; size += 7) {
      REQUIRE(is_expected(decode(Bytes(size, value), Bytes(100, 1))));
    }
  }
}

TEST_CASE(
    "chunk decoder: every prefix of a record is refused, or is seen by the chunk's check") {
  test::Random random(31);
  const MadeChunk chunk = test::make_chunk(random, 2000, 12, 200);
  Bytes record = pack::encode_chunk(chunk.input(true), chunk.base.size(), {3}).record;
  record.erase(record.begin());
  for (size_t length = 0; length < record.size(); ++length) {
    const Status status =
        decode(ByteView(record).first(length), chunk.base, chunk.result_offset);
    REQUIRE(is_expected(status));
    if (length < head_bytes(record)) REQUIRE(status != Status::ok);
  }
}

TEST_CASE("chunk decoder: mutated records are refused or decode inside all limits") {
  test::Random random = test::seeded("mutated chunks");
  std::set<Status> seen;
  for (int round = 0; round < 30; ++round) {
    const MadeChunk chunk =
        test::make_chunk(random, 1 + random.length(3000), 1 + random.below(20), 150);
    Bytes record = pack::encode_chunk(chunk.input(true), chunk.base.size(), {3}).record;
    record.erase(record.begin());
    const size_t head = head_bytes(record);
    for (int mutation = 0; mutation < 60; ++mutation) {
      Bytes mutated = record;
      for (uint64_t i = 1 + random.below(3); i > 0; --i) {
        const size_t at =
            random.chance(3) ? random.below(head) : random.below(mutated.size());
        mutated[at] = random.chance(2)
                          ? random.byte()
                          : static_cast<uint8_t>(mutated[at] ^ 1u << random.below(8));
      }
      if (random.chance(8)) mutated.resize(random.below(mutated.size()));
      // Large chunks take long to decode, and show nothing more.
      ByteReader reader(mutated);
      (void)reader.varint();
      if (reader.varint() > 100000) continue;
      const Status status = decode(mutated, chunk.base, chunk.result_offset);
      REQUIRE(is_expected(status));
      seen.insert(status);
    }
  }
  CHECK(seen.count(Status::corrupt_data) == 1);
  CHECK(seen.size() >= 3);
}

TEST_CASE("chunk decoder: a base shorter than the patch's is no danger") {
  test::Random random(32);
  for (int round = 0; round < 30; ++round) {
    const MadeChunk chunk = test::make_chunk(random, 3000, 15, 200);
    Bytes record = pack::encode_chunk(chunk.input(true), chunk.base.size(), {3}).record;
    record.erase(record.begin());
    for (const size_t size : {size_t{0}, size_t{1}, size_t{1500}, size_t{2999}}) {
      const Bytes shorter(chunk.base.begin(),
                          chunk.base.begin() + static_cast<ptrdiff_t>(size));
      REQUIRE(is_expected(decode(record, shorter, chunk.result_offset)));
    }
  }
}
