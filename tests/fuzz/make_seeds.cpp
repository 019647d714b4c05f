// Writes the seeds that no other file gives, one folder per target, below the folder named:
//
//     ninja -C build tests/fuzz/make-seeds && build/tests/fuzz/make-seeds tests/fuzz/corpus
//
// Run it again when a format has changed: old seeds do no harm, but new ones reach further.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/core/patch_signature.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/value_model.hpp"
#include "libcommon/delta_stream.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/lane_grid.hpp"
#include "libcommon/manifest.hpp"
#include "libcommon/stream.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-apply/journal.hpp"
#include "mallorn-apply/undo_record.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-pack/blocks_codec.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_in_place.hpp"
#include "mallorn-pack/mask_codec.hpp"
#include "mallorn-pack/mixed_codec.hpp"
#include "mallorn-pack/patch_writer.hpp"
#include "mallorn-pack/planes_codec.hpp"
#include "mallorn-pack/tokens_codec.hpp"
#include "mallorn-pack/values_codec.hpp"
#include "mallorn-pack/zstd_run.hpp"
#include "tests/fuzz/inputs.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/support/steps.hpp"

namespace mallorn::fuzz {

std::string corpus;

void write(const std::string& target, const std::string& name, const Bytes& bytes) {
  std::filesystem::create_directories(corpus + "/" + target);
  std::ofstream file(corpus + "/" + target + "/" + name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void write(const std::string& target, const std::string& name, const std::string& text) {
  write(target, name, Bytes(text.begin(), text.end()));
}

Bytes join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes slice(const Bytes& bytes, size_t from, size_t length) {
  const auto begin = bytes.begin() + static_cast<ptrdiff_t>(from);
  return {begin, begin + static_cast<ptrdiff_t>(length)};
}

Bytes edited(Bytes bytes) {
  for (size_t i = 1100; i < 3000; i += 61) ++bytes[i];
  const Bytes more = {'n', 'e', 'w', ' ', 'n', 'a', 'm', 'e'};
  bytes.insert(bytes.begin() + 500, more.begin(), more.end());
  bytes.erase(bytes.begin() + 700, bytes.begin() + 720);
  return bytes;
}

namespace {

using test::step;

Bytes contents_of(const Fd& file) {
  const MappedFile mapped(file, "seed");
  return {mapped.bytes().begin(), mapped.bytes().end()};
}

// Numbers that are half of those `distance` bytes before them.
Step derived(uint64_t length, uint64_t distance) {
  Step made = step(StepKind::predict, length, 0, Dtype::f32, Predictor::derived);
  made.parameters = derivation_to_bytes({distance, false, 0x3F000000});
  return made;
}

// Elements that are those of the base in another dtype.
Step converted(uint64_t length, uint64_t base_offset, Dtype from, Dtype to) {
  Step made = step(StepKind::predict, length, base_offset, to, Predictor::converted);
  made.conversion = {from};
  return made;
}

// Codes of floats, or floats of codes, by three scales in turn.
Step by_lanes(uint64_t length, uint64_t base_offset, Dtype from, Dtype to) {
  Step made = converted(length, base_offset, from, to);
  const Bytes scales = {0, 0, 128, 63, 0, 0, 0, 60, 0, 0, 128, 62};
  LaneGrid grid;
  grid.run = 40;
  grid.lanes = 3;
  grid.scales = scales;
  made.parameters = lane_grid_to_bytes(grid);
  return made;
}

// Elements of i16 that stand in the base as those of a tensor of 4 x 5 x 6 do.
Step permuted(uint64_t length, uint64_t base_offset, std::array<uint8_t, kMaxAxes> order,
              uint32_t first) {
  Step made = step(StepKind::predict, length, base_offset, Dtype::i16, Predictor::permuted);
  made.permutation = {3, first, {4, 5, 6}, order};
  return made;
}

// Elements of i16 of three rows and two columns of a matrix of 8 x 9.
Step picked(uint64_t length, uint64_t base_offset, uint32_t first) {
  Step made = step(StepKind::predict, length, base_offset, Dtype::i16, Predictor::permuted);
  made.permutation = {2, first, {8, 9}, {1, 0}, {3, 2}};
  made.picks = {7, 2, 3, 0, 8};
  return made;
}

Manifest small_manifest() {
  Manifest manifest;
  manifest.format = "gguf";
  manifest.length_bytes = 96;
  Range head;
  head.length_bytes = 32;
  head.role = "head";
  Range tensor;
  tensor.kind = RangeKind::tensor;
  tensor.offset_bytes = 32;
  tensor.length_bytes = 64;
  tensor.dtype = Dtype::f32;
  tensor.names = {"a", "caf\xC3\xA9"};
  tensor.shape = {4, 4};
  tensor.quantization.scales = {0.5F, 1e-7F};
  tensor.quantization.zero_points = {-3};
  tensor.quantization.axis = 1;
  manifest.ranges = {head, tensor};
  manifest.external_files = {"weights.bin"};
  return manifest;
}

void write_stream_seeds() {
  for (const StreamKind kind : {StreamKind::model, StreamKind::delta}) {
    const Fd file = fuzz::file_of({});
    StreamWriter stream(file.get(), "seed", kind);
    stream.write(FrameType::manifest, std::string("{}"));
    stream.write(FrameType::bytes, Bytes(40, 7));
    stream.write(FrameType::steps, Bytes{1, 2, 0, 0, 5, 0, 0});
    stream.write(FrameType::end, trailer_to_json({40, {}}));
    write("stream", kind == StreamKind::model ? "model" : "delta", contents_of(file));
  }
  write("steps", "three",
        steps_to_bytes(
            {step(StepKind::copy, 300, 200, Dtype::opaque, Predictor::same_value),
             step(StepKind::predict, 64, 100, Dtype::f16, Predictor::same_value),
             step(StepKind::predict, 70, 4990, Dtype::opaque, Predictor::bytes),
             step(StepKind::literal, 9, 0, Dtype::opaque, Predictor::same_value)}));
  write(
      "steps", "derived",
      steps_to_bytes({step(StepKind::copy, 300, 200, Dtype::opaque, Predictor::same_value),
                      derived(64, 100), derived(32, 64)}));
  write("steps", "converted",
        steps_to_bytes({converted(64, 4000, Dtype::f32, Dtype::f16),
                        converted(340, 100, Dtype::bf16, Dtype::q8_0),
                        converted(1024, 210, Dtype::q6_k, Dtype::f32),
                        converted(144, 300, Dtype::q8_0, Dtype::q4_k)}));
  write("steps", "lanes",
        steps_to_bytes({by_lanes(256, 210, Dtype::f32, Dtype::i8),
                        by_lanes(512, 300, Dtype::u8, Dtype::f16)}));
  write("steps", "permuted",
        steps_to_bytes({permuted(240, 300, {2, 0, 1}, 0), permuted(24, 301, {0, 2, 1}, 12),
                        permuted(2, 4760, {2, 1, 0}, 119), picked(12, 10, 0),
                        picked(4, 20, 4)}));
  DeltaManifest manifest{{"", 10, {}}, {"", 20, {}}, "gguf"};
  write("delta_manifest", "inline", delta_manifest_to_json(manifest));
  manifest.base.path = "old%25.gguf";
  manifest.result.path = "new.gguf";
  manifest.base.state = "2049:1234:1796000000.000000001:1796000000.123456789";
  manifest.result.state = "2049:7:1796000000.000000000:1796000000.500000000";
  write("delta_manifest", "by-reference", delta_manifest_to_json(manifest));
  write("delta_manifest", "trailer", trailer_to_json({12345, {}}));
  write("manifest", "gguf", manifest_to_json(small_manifest()));
  Manifest named = small_manifest();
  named.path = "model%25.gguf";
  named.state = "2049:1234:1796000000.000000001:1796000000.123456789";
  write("manifest", "by-reference", manifest_to_json(named));
  write("manifest", "empty",
        std::string(R"({"format":"raw","byte_order":"big","length":0,"ranges":[]})"));
}

// Steps that copy, predict and have literals.
std::vector<Step> mixed_steps() {
  return {step(StepKind::copy, 450, 0, Dtype::opaque, Predictor::same_value),
          step(StepKind::predict, 300, 450, Dtype::opaque, Predictor::bytes),
          step(StepKind::predict, 1024, 1100, Dtype::f32, Predictor::same_value),
          step(StepKind::predict, 1088, 2000, Dtype::q8_0, Predictor::same_value),
          step(StepKind::literal, 100, 0, Dtype::opaque, Predictor::same_value)};
}

// Copies, a section, and what is said to follow from them.
std::vector<Step> derived_steps() {
  return {step(StepKind::copy, 450, 0, Dtype::opaque, Predictor::same_value),
          derived(200, 300), derived(200, 200),
          step(StepKind::predict, 3000, 0, Dtype::f32, Predictor::same_value),
          derived(80, 90)};
}

// A copy, and elements that come from others; some of them are changed by chunk_record().
std::vector<Step> converted_steps() {
  return {step(StepKind::copy, 450, 0, Dtype::opaque, Predictor::same_value),
          converted(1024, 450, Dtype::bf16, Dtype::f32),
          converted(340, 1000, Dtype::f32, Dtype::q8_0),
          converted(512, 2400, Dtype::q4_k, Dtype::f16),
          by_lanes(200, 300, Dtype::f32, Dtype::u8),
          by_lanes(400, 100, Dtype::i8, Dtype::f32)};
}

// A copy, and elements in another order of axes, of one section and of another.
std::vector<Step> permuted_steps() {
  return {step(StepKind::copy, 450, 0, Dtype::opaque, Predictor::same_value),
          permuted(240, 450, {2, 0, 1}, 0),
          step(StepKind::predict, 64, 900, Dtype::i16, Predictor::same_value),
          permuted(100, 1000, {1, 0, 2}, 70),
          permuted(100, 1400, {0, 2, 1}, 0),
          picked(12, 2000, 0),
          picked(8, 2000, 2)};
}

// Any bytes, for each conversion from or to these.
void write_conversion_seeds() {
  const Bytes base = fixed_base();
  const auto seed = [&base](const char* name, Dtype from, Dtype to, uint8_t rounding) {
    Bytes bytes = {static_cast<uint8_t>(static_cast<uint8_t>(from) | rounding),
                   static_cast<uint8_t>(to)};
    bytes.insert(bytes.end(), base.begin(), base.begin() + 600);
    write("conversion", name, bytes);
  };
  seed("f32-f16", Dtype::f32, Dtype::f16, 0);
  seed("f32-bf16-zero", Dtype::f32, Dtype::bf16, 0x80);
  seed("f64-f32", Dtype::f64, Dtype::f32, 0);
  seed("f32-f64", Dtype::f32, Dtype::f64, 0);
  seed("f16-q4_0", Dtype::f16, Dtype::q4_0, 0);
  seed("bf16-q5_1", Dtype::bf16, Dtype::q5_1, 0);
  seed("f32-q8_0", Dtype::f32, Dtype::q8_0, 0);
  seed("q8_0-q4_1", Dtype::q8_0, Dtype::q4_1, 0);
  seed("q4_k-f16", Dtype::q4_k, Dtype::f16, 0);
  seed("q6_k-q5_0", Dtype::q6_k, Dtype::q5_0, 0);
  seed("q8_0-q4_k", Dtype::q8_0, Dtype::q4_k, 0);
  seed("i4-u4", Dtype::i4, Dtype::u4, 0);
  for (const auto& [from, to] :
       {std::pair{Dtype::f32, Dtype::i8}, {Dtype::u8, Dtype::f16}}) {
    Bytes bytes = {conversion_to_byte({from}), static_cast<uint8_t>(to)};
    const Bytes grid = by_lanes(1, 0, from, to).parameters;
    bytes.insert(bytes.end(), grid.begin(), grid.end());
    bytes.insert(bytes.end(), base.begin() + 200, base.begin() + 700);
    write("conversion", std::string("lanes-") + dtype_layout(to).name, bytes);
  }
}

// A chunk of these steps, the first of which copies 450 bytes; its record without the kind
// byte.
Bytes chunk_record(const Bytes& base, const Bytes& result, uint64_t offset,
                   std::vector<Step> steps) {
  pack::ChunkInput chunk;
  chunk.result_offset = offset;
  chunk.steps = std::move(steps);
  uint64_t length = 0;
  for (const Step& made : chunk.steps) {
    std::vector<uint8_t> moved;
    chunk.base.push_back(predicting_view(made, base, &moved));
    if (!moved.empty()) chunk.permuted.push_back(std::move(moved));
    length += made.result_bytes;
  }
  Bytes made = slice(result, 0, length);
  uint64_t at = 0;
  for (size_t i = 0; i < chunk.steps.size(); at += chunk.steps[i++].result_bytes) {
    if (!is_permuted(chunk.steps[i])) continue;
    std::ranges::copy(chunk.base[i], made.begin() + static_cast<ptrdiff_t>(at));
    if (chunk.steps[i].permutation.first > 0) made[at + 3] ^= 1;
  }
  std::copy_n(base.begin(), 450, made.begin());
  chunk.result = made;
  chunk.check = crc32c(0, made);
  Bytes record = encode_chunk(chunk, base.size(), {3}).record;
  record.erase(record.begin());
  return record;
}

void write_patch_seeds() {
  const Bytes base = fixed_base();
  const Bytes result = edited(base);
  const Bytes record = chunk_record(base, result, 1000, mixed_steps());
  write("chunk", "mixed", record);
  write("chunk", "derived", chunk_record(base, base, 1000, derived_steps()));
  write("chunk", "converted", chunk_record(base, base, 1000, converted_steps()));
  write("chunk", "permuted", chunk_record(base, base, 1000, permuted_steps()));
  PatchHeader header;
  header.base_bytes = base.size();
  header.base_digest = sha256(base);
  header.result_bytes = result.size();
  header.result_digest = sha256(result);
  header.features = kKnownFeatures;
  header.body_bytes = 1;
  header.model_id_bytes = 4;
  Bytes head(kMaxPatchHeaderBytes);
  head.resize(write_patch_header(header, head));
  write("patch_header", "with-id", head);
  header.signature_count = kMaxPatchSignatures;
  header.body_digest = sha256(Bytes(1));
  head.resize(kMaxPatchHeaderBytes);
  head.resize(write_patch_header(header, head));
  write("patch_header", "signed", head);
  const Bytes signatures(kMaxPatchSignatures * kPatchSignatureBytes, 7);
  write("patch", "signed", join({head, signatures, {0}}));

  // For the patch target: a result length, then records.
  const Bytes kind = {static_cast<uint8_t>(RecordKind::chunk)};
  const Bytes at_start = chunk_record(base, result, 0, mixed_steps());
  const auto varint = [](uint64_t value) {
    Bytes bytes(kMaxVarintBytes);
    ByteWriter writer(bytes);
    writer.varint(value);
    bytes.resize(writer.size());
    return bytes;
  };
  const Bytes chunk = join({varint(at_start.size() + 1), kind, at_start});
  write("patch", "chunk", join({varint(2962), chunk}));
  const Bytes again =
      join({{static_cast<uint8_t>(RecordKind::again)}, varint(chunk.size()), varint(2962)});
  write("patch", "again", join({varint(2 * 2962), chunk, varint(again.size()), again}));
  const MappedFile whole(fuzz::file_of(slice(base, 0, 600)), "seed");
  const std::optional<Fd> run = pack::compress_whole(whole, 3, 10000);
  const Bytes coded = contents_of(*run);
  write("patch", "whole", join({varint(600), varint(coded.size() + 1), {1}, coded}));
  write("zstd_run", "text", join({{20}, coded}));
}

// A head with undo records and tables, and a batch of two pieces: as journal_fuzz.cpp takes
// them. `now` is what the pieces write, where the records are.
void write_journal_seeds() {
  using namespace apply;
  const Bytes now(20, 1);
  UndoEncoder encoder;
  Bytes undo = encoder.encode({{200, 20}}, Bytes(20, 3), now);
  const size_t first = undo.size();
  const Bytes second = encoder.encode(
      {{4990, 4}, {4994, 6}}, Bytes{9, 1, 7, 3, 8, 2, 6, 4, 5, 0}, slice(now, 0, 10));
  undo.insert(undo.end(), second.begin(), second.end());
  JournalHead head;
  head.base_bytes = 3 * kJournalBlockBytes;
  head.result_bytes = 5000;
  head.unit_count = 2;
  head.stash_count = 1;
  head.stash_bytes = head.slot_bytes = kJournalBlockBytes;
  head.has_undo = true;
  head.undo_bytes = undo.size();
  Bytes tables(static_cast<size_t>(head.tables_bytes()));
  ByteWriter writer(tables);
  write_unit({UnitKind::copy, 100, 200, 300, 7, {0, first}}, writer);
  write_unit({UnitKind::chunk, 1000, 2000, 3000, 8, {first, second.size()}}, writer);
  write_stash(
      {{kJournalBlockBytes, kJournalBlockBytes}, crc32c(0, Bytes(kJournalBlockBytes))},
      writer);
  head.tables_check = crc32c(0, tables);
  Bytes bytes(2 + kJournalHeadBytes);
  ByteWriter head_writer(ByteSpan(bytes).subspan(2));
  write_journal_head(head, head_writer);
  bytes = join({bytes, undo, tables});
  store_le(bytes.data(), static_cast<uint16_t>(bytes.size() - 2));
  Bytes pieces(2 * kPieceHeadBytes + 30);
  ByteWriter piece_writer(pieces);
  for (const uint64_t offset : {200u, 4990u}) {
    piece_writer.u64(offset);
    piece_writer.u64(offset == 200 ? 20 : 10);
    piece_writer.bytes(Bytes(offset == 200 ? 20 : 10, 1));
  }
  Bytes batch(kBatchHeadBytes);
  ByteWriter batch_writer(batch);
  write_batch_head({1, 2, pieces.size(), crc32c(0, pieces), false}, batch_writer);
  write("journal", "one", join({bytes, batch, pieces}));
  write("journal", "torn", join({bytes, batch}));
}

// Keys that are known to everybody: those of RFC 8032, section 7.1.
void write_sign_seeds() {
  write("key_file", "public",
        std::string("-----BEGIN PUBLIC KEY-----\n"
                    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                    "-----END PUBLIC KEY-----\n"));
  write("key_file", "secret",
        std::string("-----BEGIN PRIVATE KEY-----\n"
                    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                    "-----END PRIVATE KEY-----\n"));
  write("release_state", "two",
        std::string("mallorn releases 0\n12 keyword%25spotter\n3 whisper-tiny\n"));
  PatchHeader header;
  header.body_bytes = 1;
  header.signature_count = 2;
  Bytes head(kMaxPatchHeaderBytes);
  head.resize(write_patch_header(header, head));
  write("verify", "two", join({head, Bytes(2 * kPatchSignatureBytes, 7), {0}}));
}

}  // namespace
}  // namespace mallorn::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make-seeds FOLDER\n", stderr);
    return 64;
  }
  using namespace mallorn::fuzz;
  corpus = argv[1];
  write_stream_seeds();
  write_patch_seeds();
  write_conversion_seeds();
  write_codec_seeds();
  write_sign_seeds();
  write_journal_seeds();
  return 0;
}
