#include "mallorn-apply/info.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "libcommon/error.hpp"
#include "libcommon/text.hpp"
#include "mallorn-apply/memory.hpp"
#include "tests/apply/patches.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

apply::PatchInfo info_of(const Bytes& patch) {
  const Fd file = test::file_of(patch);
  apply::PatchReader reader(file.get(), "patch");
  return apply::read_info(reader);
}

Bytes chunk_record(const std::vector<SectionHeader>& sections, uint64_t result,
                   uint64_t coded) {
  ChunkHeader header;
  header.result_bytes = result;
  header.coded_result_bytes = coded;
  size_t payload = 5;  // of structure
  for (const SectionHeader& section : sections) {
    header.sections[header.section_count++] = section;
    payload += section.coded_bytes;
  }
  Bytes record(4096);
  ByteWriter writer(record);
  writer.u8(static_cast<uint8_t>(RecordKind::chunk));
  write_chunk_header(header, writer);
  record.resize(writer.size() + payload);
  return record;
}

Status status_of(const std::vector<Bytes>& records, uint32_t features = kKnownFeatures) {
  PatchHeader header;
  header.result_bytes = 2000;
  header.features = features;
  return test::status_of([&] { (void)info_of(test::patch_bytes(header, records)); });
}

}  // namespace

TEST_CASE("info: sums over chunks and sections, nothing decoded") {
  const SectionHeader floats = {CodecId::planes, Dtype::f32, true, 100, 40};
  const SectionHeader bytes = {CodecId::zstd, Dtype::opaque, false, 50, 10};
  PatchHeader header = test::header_for(Bytes(10, 1), Bytes(1500, 2));
  header.release = 7;
  header.memory_kib = 99;
  const Bytes patch = test::patch_bytes(
      header, {chunk_record({floats, bytes}, 1000, 170), chunk_record({floats}, 500, 100)});
  const apply::PatchInfo info = info_of(patch);
  CHECK(info.patch_bytes == patch.size());
  CHECK(info.chunks == 2);
  CHECK(info.copied_bytes == 830 + 400);
  CHECK(info.structure_result_bytes == 20);
  CHECK(info.structure_bytes == 10);
  CHECK(info.zstd_run_bytes == 0);
  CHECK(info.head_bytes() == patch.size() - (10 + 10 + 80));
  REQUIRE(info.sections.size() == 2);
  CHECK(info.sections[0].codec == CodecId::zstd);
  CHECK(info.sections[1].sections == 2);
  CHECK(info.sections[1].result_bytes == 200);
  CHECK(info.sections[1].coded_bytes == 80);
  CHECK(info.sections[1].has_base);

  const auto json = nlohmann::json::parse(apply::info_to_json(info));
  CHECK(json["patch_bytes"] == patch.size());
  CHECK(json["release"] == 7);
  CHECK(json["memory_kib"] == 99);
  CHECK(json["memory_mib"] == apply::whole_mib(apply::needed_memory(header, 1)));
  CHECK(json["memory_mib"] == apply::whole_mib(apply::needed_memory(header, 1)));
  CHECK(json["base"]["length"] == 10);
  CHECK(json["base"]["sha256"] == to_hex(header.base_digest));
  CHECK(json["result"]["length"] == 1500);
  CHECK(json["sections"][1]["dtype"] == "f32");
  CHECK(json["sections"][1]["codec"] == "planes");
  CHECK(json["sections"][1]["predicted"] == true);
  CHECK(json["sections"][0]["coded_bytes"] == 10);

  const std::string text = apply::info_to_text(info);
  CHECK(text.find("1,230 bytes of the result") != std::string::npos);
  CHECK(text.find("release          7") != std::string::npos);

  REQUIRE(info.placed.size() == 3);
  CHECK(info.placed[1].chunk_offset == 0);
  CHECK(info.placed[2].chunk_offset == 1000);
  CHECK(text.find("in chunk at") == std::string::npos);
  const std::string verbose = apply::info_to_text(info, true);
  CHECK(verbose.starts_with(text));
  CHECK(verbose.find("          1,000  f32         planes   yes                   100"
                     "            40     12.800\n") != std::string::npos);
}

TEST_CASE("info: signatures are told by their keys, and as what they are: not checked") {
  const PatchSignature first = {{1, 2, 3, 4, 5, 6, 7, 0xAB}, {9}};
  const PatchSignature second = {{0xCD}, {}};
  const Bytes patch = test::signed_bytes(test::patch_bytes({}, {}), {first, second});
  const apply::PatchInfo info = info_of(patch);
  CHECK(info.patch_bytes == patch.size());
  CHECK(info.signatures == std::vector{first, second});
  const auto json = nlohmann::json::parse(apply::info_to_json(info));
  CHECK(json["signatures"] == nlohmann::json({"01020304050607ab", "cd00000000000000"}));
  const std::string text = apply::info_to_text(info);
  CHECK(text.find("signature        by key 01020304050607ab, not checked\n") != text.npos);
  CHECK(nlohmann::json::parse(
            apply::info_to_json(info_of(test::patch_bytes({}, {}))))["signatures"]
            .empty());
}

TEST_CASE("info: sections that are converted say from what") {
  const Bytes chunk = chunk_record(
      {{CodecId::stored, Dtype::q8_0, true, 68, 0, {Dtype::f16}},
       {CodecId::stored, Dtype::bf16, true, 8, 0, {Dtype::f32, Rounding::zero}},
       {CodecId::stored, Dtype::bf16, true, 8, 8}},
      84, 84);
  PatchHeader header;
  header.result_bytes = 2000;
  header.features = kFeatureConverted | kFeatureStructure;
  const apply::PatchInfo info = info_of(test::patch_bytes(header, {chunk}));
  REQUIRE(info.sections.size() == 3);
  const std::string text = apply::info_to_text(info);
  CHECK(text.find("predicted from the base's f16, codec stored") != std::string::npos);
  CHECK(text.find("predicted from the base's f32, cut off, codec") != std::string::npos);
  CHECK(text.find("predicted from the base, codec stored") != std::string::npos);
  const std::string verbose = apply::info_to_text(info, true);
  CHECK(verbose.find("q8_0        stored   from f16 ") != std::string::npos);
  CHECK(verbose.find("bf16        stored   yes ") != std::string::npos);
  const auto json = nlohmann::json::parse(apply::info_to_json(info));
  CHECK(json["sections"][0]["base_dtype"] == "bf16");
  CHECK(json["sections"][1]["base_dtype"] == "f32");
  CHECK(json["sections"][1]["rounding"] == "zero");
  CHECK(json["sections"][2]["base_dtype"] == "f16");
  CHECK(json["sections"][2]["rounding"] == "nearest");
  CHECK(status_of({chunk}, kFeatureStructure) == Status::malformed);
}

TEST_CASE("info: sections of blocks are named, and need their feature") {
  const Bytes chunk =
      chunk_record({{CodecId::blocks, Dtype::q4_k, true, 288, 40}}, 288, 288);
  PatchHeader header;
  header.result_bytes = 2000;
  header.features = kFeatureBlocks | kFeatureStructure;
  const apply::PatchInfo info = info_of(test::patch_bytes(header, {chunk}));
  const auto json = nlohmann::json::parse(apply::info_to_json(info));
  CHECK(json["sections"][0]["codec"] == "blocks");
  CHECK(json["sections"][0]["dtype"] == "q4_k");
  CHECK(apply::info_to_text(info).find("blocks") != std::string::npos);
  CHECK(status_of({chunk}, kFeatureBlocks) == Status::ok);
  CHECK(status_of({chunk}, kFeatureZstd | kFeatureStructure) == Status::malformed);
}

TEST_CASE("info: sections of masks are named, and need their feature") {
  const Bytes chunk =
      chunk_record({{CodecId::mask, Dtype::opaque, false, 288, 40}}, 288, 288);
  PatchHeader header;
  header.result_bytes = 2000;
  header.features = kFeatureMask | kFeatureStructure;
  const apply::PatchInfo info = info_of(test::patch_bytes(header, {chunk}));
  const auto json = nlohmann::json::parse(apply::info_to_json(info));
  CHECK(json["sections"][0]["codec"] == "mask");
  CHECK(apply::info_to_text(info).find("mask") != std::string::npos);
  CHECK(status_of({chunk}, kFeatureMask) == Status::ok);
  CHECK(status_of({chunk}, kFeatureZstd | kFeatureBlocks) == Status::malformed);
}

TEST_CASE("info: a patch that holds the whole result, and one that holds nothing") {
  PatchHeader header;
  header.result_bytes = 2000;
  header.features = kFeatureZstd;
  const Bytes whole = test::patch_bytes(header, {Bytes(101, 1), Bytes(51, 1)});
  CHECK(info_of(whole).zstd_run_bytes == 150);
  CHECK(apply::info_to_text(info_of(whole)).find("the whole result") != std::string::npos);
  const apply::PatchInfo nothing = info_of(test::patch_bytes({}, {}));
  CHECK(nothing.chunks == 0);
  CHECK(nlohmann::json::parse(apply::info_to_json(nothing))["sections"].empty());
}

TEST_CASE("info: a model id of any bytes is shown harmlessly") {
  PatchHeader header;
  const std::string id = "\x1B[2J\"\n\xFF%s";
  header.model_id_bytes = static_cast<uint8_t>(id.size());
  memcpy(header.model_id.data(), id.data(), id.size());
  const apply::PatchInfo info = info_of(test::patch_bytes(header, {}));
  CHECK(apply::info_to_text(info).find("\\x1b[2J\"\\x0a\\xff%s") != std::string::npos);
  CHECK(nlohmann::json::parse(apply::info_to_json(info))["model_id"] ==
        to_hex(ByteView(reinterpret_cast<const uint8_t*>(id.data()), id.size())));
}

TEST_CASE("info: unknown records and damaged heads are refused") {
  const auto status = [](const Bytes& record) { return status_of({record}); };
  CHECK(status({2}) == Status::malformed);
  CHECK(status({255, 1, 2}) == Status::malformed);
  CHECK(status({0}) == Status::truncated);
  CHECK(status(chunk_record({{static_cast<CodecId>(10), Dtype::u8, false, 1, 1}}, 10,
                            10)) == Status::unknown_codec);
}

TEST_CASE("info: chunks that make more than there is to make are refused") {
  CHECK(status_of({chunk_record({}, 2000, 5)}) == Status::ok);
  CHECK(status_of({chunk_record({}, 2001, 5)}) == Status::malformed);
  CHECK(status_of({chunk_record({}, 1500, 5), chunk_record({}, 501, 5)}) ==
        Status::malformed);
  CHECK(status_of({chunk_record({}, 4, 5)}) == Status::corrupt_data);
}

TEST_CASE("info: what rebuild refuses by its records or features is refused") {
  const Bytes chunk =
      chunk_record({{CodecId::planes, Dtype::f32, true, 100, 40}}, 1000, 170);
  const Bytes run(51, 1);
  CHECK(status_of({chunk, chunk}) == Status::ok);
  CHECK(status_of({run, run}) == Status::ok);
  CHECK(status_of({chunk, run}) == Status::malformed);
  CHECK(status_of({run, chunk}) == Status::malformed);
  CHECK(status_of({run, {1}}) == Status::malformed);
  CHECK(status_of({chunk}, kFeatureZstd) == Status::ok);
  CHECK(status_of({chunk}, kFeatureStructure) == Status::malformed);
  CHECK(status_of({run}, kFeatureStructure) == Status::malformed);
}

TEST_CASE("info: lines of any length are whole") {
  PatchHeader header;
  header.model_id_bytes = kMaxModelIdBytes;
  header.model_id.fill(1);  // shown as four characters each
  const std::string text = apply::info_to_text(info_of(test::patch_bytes(header, {})));
  std::string id;
  for (size_t i = 0; i < kMaxModelIdBytes; ++i) id += "\\x01";
  CHECK(text.find("model id         " + id + "\n") != std::string::npos);
}
