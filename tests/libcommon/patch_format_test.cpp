#include "libcommon/core/patch_format.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "libcommon/core/crc32c.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

PatchHeader full_header() {
  PatchHeader header;
  header.profile = Profile::lite;
  header.signature_count = kMaxPatchSignatures;
  header.features = kKnownFeatures | in_place_features(kMostInPlaceLog2);
  header.memory_kib = 0x01020304;
  header.release = 0x05060708;
  header.body_bytes = 0x1112131415161718;
  header.body_digest.fill(0xA1);
  header.base_bytes = 0x2122232425262728;
  header.base_digest.fill(0xB2);
  header.result_bytes = UINT64_MAX;
  header.result_digest.fill(0xC3);
  const std::string id = "model \xC3\xA9";
  header.model_id_bytes = static_cast<uint8_t>(id.size());
  memcpy(header.model_id.data(), id.data(), id.size());
  return header;
}

Bytes written(const PatchHeader& header) {
  Bytes bytes(kMaxPatchHeaderBytes);
  bytes.resize(write_patch_header(header, bytes));
  return bytes;
}

// `bytes` with one byte replaced and the check put right, so that only that byte can be at
// fault.
Bytes with_byte(Bytes bytes, size_t at, uint8_t value) {
  bytes[at] = value;
  const ByteView covered = ByteView(bytes).first(bytes.size() - 4);
  store_le(bytes.data() + covered.size(), crc32c(0, covered));
  return bytes;
}

Status status_of(const Bytes& bytes) {
  PatchHeader header;
  return read_patch_header(bytes, &header);
}

// The parts of a chunk record, to be spoilt one at a time.
struct Draft {
  ChunkHeader header;
  Bytes structure = {1, 2, 3};
  Bytes payloads;

  void add(SectionHeader section) {
    header.sections[header.section_count++] = section;
    payloads.resize(payloads.size() + section.coded_bytes, 0x77);
  }
  Bytes bytes() const {
    Bytes record(64 + kMaxChunkSections * 23);
    ByteWriter writer(record);
    write_chunk_header(header, writer);
    REQUIRE(writer.ok());
    record.resize(writer.size());
    record.insert(record.end(), structure.begin(), structure.end());
    record.insert(record.end(), payloads.begin(), payloads.end());
    return record;
  }
};

Draft draft() {
  Draft made;
  made.header.result_bytes = 1000;
  made.header.coded_result_bytes = 300;
  made.header.check = 0xDEADBEEF;
  made.add({CodecId::planes, Dtype::f16, true, 100, 40});
  made.add({CodecId::zstd, Dtype::opaque, false, 50, 0});
  return made;
}

Status chunk_status(const Bytes& record) {
  const auto view = std::make_unique<ChunkView>();
  return read_chunk(record, view.get());
}

}  // namespace

TEST_CASE("patch header: what is written is read back") {
  for (PatchHeader header : {PatchHeader{}, full_header()}) {
    if (header.body_bytes == 0) header.body_bytes = 1;
    const Bytes bytes = written(header);
    CHECK(bytes.size() == kPatchHeaderFixedBytes + header.model_id_bytes);
    PatchHeader read;
    REQUIRE(read_patch_header(bytes, &read) == Status::ok);
    CHECK(read == header);
    size_t length = 0;
    REQUIRE(patch_header_length(bytes, &length) == Status::ok);
    CHECK(length == bytes.size());
  }
}

TEST_CASE("patch header: model ids from none to the longest, and none longer") {
  for (const uint8_t length : {uint8_t{0}, uint8_t{1}, uint8_t{63}, uint8_t{64}}) {
    PatchHeader header = full_header();
    header.model_id_bytes = length;
    header.model_id.fill(0);
    for (size_t i = 0; i < length; ++i) header.model_id[i] = 'x';
    PatchHeader read;
    REQUIRE(read_patch_header(written(header), &read) == Status::ok);
    CHECK(read == header);
  }
  Bytes longer = written(full_header());
  longer.resize(kMaxPatchHeaderBytes + 1);
  longer[6] = static_cast<uint8_t>(longer.size());
  longer[61] = kMaxModelIdBytes + 1;
  CHECK(status_of(with_byte(longer, 4, kPatchVersion)) == Status::malformed);
}

TEST_CASE("patch header: every prefix is refused as truncated, and more is refused") {
  Bytes bytes = written(full_header());
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(
        status_of(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
  bytes.push_back(0);
  CHECK(status_of(bytes) != Status::ok);
}

TEST_CASE("patch header: every single-bit flip is refused") {
  const Bytes bytes = written(full_header());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(status_of(flipped) != Status::ok);
  }
}

TEST_CASE("patch header: blocks in place have a length, and a body of profile lite") {
  const auto status = [](uint32_t features, Profile profile = Profile::lite) {
    PatchHeader header = full_header();
    header.profile = profile;
    header.features = features;
    return status_of(written(header));
  };
  for (uint32_t log2 = 0; log2 < 32; ++log2) {
    const bool is_good = log2 >= kLeastInPlaceLog2 && log2 <= kMostInPlaceLog2;
    const uint32_t features = in_place_features(log2);
    CAPTURE(log2);
    CHECK(in_place_log2(features | kFeatureLite) == log2);
    CHECK(status(features | kFeatureLite) == (is_good ? Status::ok : Status::malformed));
    CHECK(status(features | kFeatureLite, Profile::host) == Status::malformed);
    CHECK(status(features) == Status::malformed);
    const uint32_t length_alone = kFeatureLite | log2 << kInPlaceShift;
    CHECK(status(length_alone) == (log2 == 0 ? Status::ok : Status::malformed));
    for (const uint32_t lag : {1u, 2u, 63u, 64u, 127u}) {
      const uint32_t lagged = in_place_features(log2, lag) | kFeatureLite;
      const bool is_short = uint64_t{lag} << log2 < 1u << 30;
      CAPTURE(lag);
      CHECK(in_place_log2(lagged) == log2);
      CHECK(in_place_lag(lagged) == lag);
      CHECK(status(lagged) == (is_good && is_short ? Status::ok : Status::malformed));
      CHECK(status(kFeatureLite | lag << kInPlaceLagShift) == Status::malformed);
    }
  }
}

TEST_CASE("patch header: each field's refusal, with a check that is right") {
  const Bytes bytes = written(full_header());
  CHECK(status_of(with_byte(bytes, 0, 0x8C)) == Status::bad_magic);
  CHECK(status_of(with_byte(bytes, 3, 'S')) == Status::bad_magic);
  CHECK(status_of(with_byte(bytes, 4, kPatchVersion + 1)) == Status::unsupported_version);
  CHECK(status_of(with_byte(bytes, 5, 2)) == Status::unsupported_feature);  // profile
  CHECK(status_of(with_byte(bytes, 6, 0)) == Status::malformed);            // length: 0
  CHECK(status_of(with_byte(bytes, 6, kPatchHeaderFixedBytes - 1)) == Status::malformed);
  CHECK(status_of(with_byte(bytes, 6, kMaxPatchHeaderBytes + 1)) == Status::malformed);
  CHECK(status_of(with_byte(bytes, 7, kMaxPatchSignatures + 1)) == Status::malformed);
  CHECK(status_of(with_byte(bytes, 7, 255)) == Status::malformed);
  CHECK(status_of(with_byte(bytes, 6, kPatchHeaderFixedBytes)) == Status::truncated);
  CHECK(status_of(with_byte(bytes, 10, 0x04)) == Status::unsupported_feature);  // features
  CHECK(status_of(with_byte(bytes, 11, 0x80)) == Status::unsupported_feature);  // features
  CHECK(status_of(with_byte(bytes, 60, 0)) == Status::unsupported_feature);     // files
  CHECK(status_of(with_byte(bytes, 60, 2)) == Status::unsupported_feature);
  CHECK(status_of(with_byte(bytes, 61, 7)) == Status::malformed);  // model id
  CHECK(status_of(with_byte(bytes, 61, 9)) == Status::malformed);
  PatchHeader empty = full_header();
  empty.body_bytes = 0;
  CHECK(status_of(written(empty)) == Status::malformed);
  Bytes damaged = bytes;
  damaged.back() ^= 1;
  CHECK(status_of(damaged) == Status::check_mismatch);
}

TEST_CASE("patch header: out-parameters stay untouched on failure") {
  PatchHeader header;
  header.release = 99;
  size_t length = 77;
  Bytes bytes = written(full_header());
  bytes.back() ^= 1;
  CHECK(read_patch_header(bytes, &header) == Status::check_mismatch);
  CHECK(header.release == 99);
  bytes[0] = 0;
  CHECK(patch_header_length(bytes, &length) == Status::bad_magic);
  CHECK(length == 77);
}

TEST_CASE("chunk header: what is written is read back, payloads in their places") {
  const Draft made = draft();
  const Bytes record = made.bytes();
  const auto chunk = std::make_unique<ChunkView>();
  REQUIRE(read_chunk(record, chunk.get()) == Status::ok);
  CHECK(chunk->header.result_bytes == 1000);
  CHECK(chunk->header.coded_result_bytes == 300);
  CHECK(chunk->header.check == 0xDEADBEEF);
  REQUIRE(chunk->header.section_count == 2);
  CHECK(chunk->header.sections[0].codec == CodecId::planes);
  CHECK(chunk->header.sections[0].dtype == Dtype::f16);
  CHECK(chunk->header.sections[0].has_base);
  CHECK(chunk->header.sections[0].result_bytes == 100);
  CHECK_FALSE(chunk->header.sections[1].has_base);
  CHECK(Bytes(chunk->structure.begin(), chunk->structure.end()) == made.structure);
  CHECK(chunk->payloads[0].size() == 40);
  CHECK(chunk->payloads[0].data() == record.data() + record.size() - 40);
  CHECK(chunk->payloads[1].empty());
}

TEST_CASE("chunk header: limits one below, at and above") {
  const auto with = [](uint64_t result, uint64_t coded) {
    Draft made;
    made.header.result_bytes = result;
    made.header.coded_result_bytes = coded;
    return chunk_status(made.bytes());
  };
  CHECK(with(0, 0) == Status::malformed);
  CHECK(with(1, 0) == Status::ok);
  CHECK(with(kMaxChunkResult - 1, 0) == Status::ok);
  CHECK(with(kMaxChunkResult, 0) == Status::ok);
  CHECK(with(kMaxChunkResult + 1, 0) == Status::limit_exceeded);
  CHECK(with(UINT64_MAX, 0) == Status::limit_exceeded);
  CHECK(with(kMaxChunkResult, kMaxChunkCoded - 1) == Status::ok);
  CHECK(with(kMaxChunkResult, kMaxChunkCoded) == Status::ok);
  CHECK(with(kMaxChunkResult, kMaxChunkCoded + 1) == Status::limit_exceeded);

  Draft many = draft();
  while (many.header.section_count < kMaxChunkSections) {
    many.add({CodecId::stored, Dtype::u8, false, 1, 1});
  }
  CHECK(chunk_status(many.bytes()) == Status::ok);
  Bytes record = draft().bytes();
  record[8] = kMaxChunkSections + 1;  // after 2 + 2 + 4 bytes
  CHECK(chunk_status(record) == Status::limit_exceeded);
}

TEST_CASE("chunk header: each field's refusal") {
  const auto status = [](const SectionHeader& section) {
    Draft made;
    made.header.result_bytes = 1000;
    made.header.coded_result_bytes = 300;
    made.add(section);
    return chunk_status(made.bytes());
  };
  const SectionHeader good = {CodecId::stored, Dtype::q4_k, true, 300, 8};
  CHECK(status(good) == Status::ok);
  SectionHeader bad = good;
  for (const int codec : {10, 11, 255}) {
    bad.codec = static_cast<CodecId>(codec);
    CHECK(status(bad) == Status::unknown_codec);
  }
  bad = good;
  for (const int dtype : {26, 31, 59, 255}) {
    bad.dtype = static_cast<Dtype>(dtype);
    CHECK(status(bad) == Status::malformed);
  }
  bad = good;
  bad.result_bytes = 0;
  CHECK(status(bad) == Status::malformed);
  bad.result_bytes = 301;  // more than the chunk codes
  CHECK(status(bad) == Status::malformed);

  Bytes record = draft().bytes();
  for (const int flags : {2, 4, 7, 8, 9, 255}) {
    record[11] = static_cast<uint8_t>(flags);  // of the first section
    CHECK(chunk_status(record) == Status::malformed);
  }
}

TEST_CASE("chunk header: a converted section says from what, and is refused otherwise") {
  Draft made;
  made.header.result_bytes = 1000;
  made.header.coded_result_bytes = 300;
  made.add({CodecId::stored, Dtype::q8_0, true, 68, 0, {Dtype::bf16}});
  made.add({CodecId::stored, Dtype::bf16, true, 8, 8, {Dtype::f32, Rounding::zero}});
  Bytes record = made.bytes();
  const auto view = std::make_unique<ChunkView>();
  REQUIRE(read_chunk(record, view.get()) == Status::ok);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(view->header.sections[i].conversion == made.header.sections[i].conversion);
    CHECK(view->header.sections[i].has_base);
  }
  CHECK(section_features(view->header) == kFeatureConverted);
  uint64_t base_bytes = 0;
  CHECK(section_base_bytes(view->header.sections[0], 68, {}, &base_bytes));
  CHECK(base_bytes == 128);
  CHECK_FALSE(section_base_bytes(view->header.sections[0], 67, {}, &base_bytes));
  REQUIRE(record[12] == 10);  // bf16
  for (const int conversion : {0, 2, 36, 10 + 128, 59, 255}) {
    record[12] = static_cast<uint8_t>(conversion);
    CHECK(chunk_status(record) == Status::malformed);
  }
}

TEST_CASE(
    "chunk header: a permuted section has a base and elements, and is not converted") {
  const auto status = [](bool has_base, Dtype dtype, const Conversion& conversion) {
    Draft made;
    made.header.result_bytes = 1000;
    made.header.coded_result_bytes = 300;
    made.add({CodecId::stored, dtype, has_base, 64, 0, conversion, {}, true});
    const auto view = std::make_unique<ChunkView>();
    const Status read = read_chunk(made.bytes(), view.get());
    if (read == Status::ok) {
      CHECK(view->header.sections[0].is_permuted);
      CHECK(section_features(view->header) == kFeaturePermuted);
    }
    return read;
  };
  CHECK(status(true, Dtype::i8, {}) == Status::ok);
  CHECK(status(true, Dtype::c64, {}) == Status::ok);
  CHECK(status(false, Dtype::i8, {}) == Status::malformed);
  CHECK(status(true, Dtype::f16, {Dtype::f32}) == Status::malformed);
  CHECK(status(true, Dtype::q8_0, {}) == Status::ok);
  CHECK(status(true, Dtype::opaque, {}) == Status::malformed);
}

TEST_CASE("chunk header: a permuted step reads its tensor, others what they make") {
  const SectionHeader section = {CodecId::stored, Dtype::f32, true, 64, 0, {}, {}, true};
  uint64_t base_bytes = 0;
  CHECK(section_base_bytes(section, 8, {2, 0, {4, 5}, {1, 0}}, &base_bytes));
  CHECK(base_bytes == 80);
  CHECK(section_base_bytes(section, 8, {}, &base_bytes));
  CHECK(base_bytes == 8);
  CHECK_FALSE(section_base_bytes(section, 8, {2, 19, {4, 5}, {1, 0}}, &base_bytes));
}

TEST_CASE("chunk header: weights are for codec blocks") {
  Draft made;
  made.header.result_bytes = 1000;
  made.header.coded_result_bytes = 300;
  made.add({CodecId::blocks, Dtype::q4_k, true, 144, 0, {Dtype::q8_0}});
  Bytes record = made.bytes();
  const auto view = std::make_unique<ChunkView>();
  REQUIRE(read_chunk(record, view.get()) == Status::ok);
  CHECK(view->header.sections[0].conversion == Conversion{Dtype::q8_0});
  CHECK(section_features(view->header) ==
        (kFeatureConverted | kFeatureBlocks | kFeatureWeights));
  uint64_t base_bytes = 0;
  CHECK(section_base_bytes(view->header.sections[0], 144, {}, &base_bytes));
  CHECK(base_bytes == 8 * 34);
  REQUIRE(record[9] == static_cast<uint8_t>(CodecId::blocks));
  for (uint8_t codec = 0; codec < kCodecCount; ++codec) {
    record[9] = codec;
    CHECK((chunk_status(record) == Status::ok) == (codec == 3));
  }
}

TEST_CASE("chunk header: sums of lengths that wrap are refused") {
  const auto status = [](SectionHeader first, SectionHeader second) {
    Bytes record(256);
    ByteWriter writer(record);
    ChunkHeader header;
    header.result_bytes = 1000;
    header.coded_result_bytes = 300;
    header.section_count = 2;
    header.sections[0] = first;
    header.sections[1] = second;
    write_chunk_header(header, writer);
    return chunk_status(record);
  };
  const SectionHeader small = {CodecId::stored, Dtype::u8, false, 10, 10};
  CHECK(status(small, small) == Status::ok);
  SectionHeader huge = small;
  huge.result_bytes = UINT64_MAX - 9;
  CHECK(status(huge, small) == Status::malformed);
  CHECK(status(small, huge) == Status::malformed);
  huge = small;
  huge.coded_bytes = UINT64_MAX - 9;
  CHECK(status(huge, small) == Status::malformed);
  CHECK(status(small, huge) == Status::malformed);
  huge.coded_bytes = 1000;  // more than the record has
  CHECK(status(huge, small) == Status::malformed);
}

TEST_CASE("chunk header: every prefix of the head and of the payloads is refused") {
  Draft made = draft();
  made.structure.clear();  // of the structure, the record's length alone tells the end
  const Bytes record = made.bytes();
  for (size_t length = 0; length < record.size(); ++length) {
    const Bytes prefix(record.begin(), record.begin() + static_cast<ptrdiff_t>(length));
    const Status status = chunk_status(prefix);
    REQUIRE((status == Status::truncated || status == Status::malformed));
  }
}
