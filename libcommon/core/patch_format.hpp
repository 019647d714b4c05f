// The patch file: its header, its records, their limits (docs/format/patch.md).
//
//   header | signatures … | records … | 0 | end of file
//
// The header binds everything a signature must cover: base, result, body, model, release,
// memory. The signatures themselves: patch_signature.hpp.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/conversion.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/in_place_format.hpp"
#include "libcommon/core/lane_conversion.hpp"
#include "libcommon/core/permutation.hpp"

namespace mallorn {

constexpr std::array<uint8_t, 4> kPatchMagic = {0x8D, 'M', 'L', 'P'};
constexpr uint8_t kPatchVersion = 0;
constexpr size_t kDigestBytes = 32;
constexpr size_t kMaxModelIdBytes = 64;
constexpr size_t kPatchHeaderFixedBytes = 146;  // without the model id
constexpr size_t kMaxPatchHeaderBytes = kPatchHeaderFixedBytes + kMaxModelIdBytes;
constexpr size_t kPatchSignatureCountOffset = 7;
constexpr size_t kPatchHeaderCheckBytes = 4;
constexpr uint8_t kMaxPatchSignatures = 4;

enum class Profile : uint8_t { host = 0, lite = 1 };

// Mandatory features: a reader that does not know a bit refuses the patch.
constexpr uint32_t kFeatureZstd = 1u << 0;       // sections or runs coded by zstd
constexpr uint32_t kFeatureStructure = 1u << 1;  // bytes coded by ByteModel
constexpr uint32_t kFeatureBlocks = 1u << 2;     // sections coded by BlockModel
constexpr uint32_t kFeatureValues = 1u << 3;     // sections coded by ValueModel
constexpr uint32_t kFeatureMask = 1u << 4;       // sections coded by MaskModel
constexpr uint32_t kFeatureDerived = 1u << 5;    // steps of numbers that follow from others
constexpr uint32_t kFeatureTokens = 1u << 6;     // sections coded as tokens
constexpr uint32_t kFeatureMixed = 1u << 7;      // sections coded by MixedModel
constexpr uint32_t kFeatureConverted = 1u << 8;  // sections predicted by another dtype
constexpr uint32_t kFeatureLite = 1u << 9;       // the body is that of profile lite
constexpr uint32_t kFeatureLanes = 1u << 16;     // sections predicted by codes of lanes
constexpr uint32_t kFeatureHalves = 1u << 17;    // codes of four bits, by ValueModel
constexpr uint32_t kFeatureWeights = 1u << 19;   // blocks, by weights of another dtype
constexpr uint32_t kFeaturePermuted = 1u << 20;  // steps that read axes in another order
constexpr uint32_t kFeatureGrid = 1u << 21;      // sections coded by GridModel
constexpr uint32_t kFeatureEdits = 1u << 22;     // sections coded by EditModel
constexpr uint32_t kFeatureAgain = 1u << 23;     // chunks that are made twice
constexpr uint32_t kKnownFeatures = ((1u << 10) - 1) | kFeatureLanes | kFeatureHalves |
                                    kFeaturePermuted | kFeatureWeights | kFeatureGrid |
                                    kFeatureEdits | kFeatureAgain;  // but for kInPlaceBits

struct PatchHeader {
  Profile profile = Profile::host;
  uint8_t signature_count = 0;  // that follow the header
  uint32_t features = 0;
  uint32_t memory_kib = 0;  // that apply needs beside the mapped base, per thread
  uint32_t release = 0;     // counter against downgrades; 0: none
  uint64_t body_bytes = 0;  // records and their end mark
  std::array<uint8_t, kDigestBytes> body_digest{};
  uint64_t base_bytes = 0;
  std::array<uint8_t, kDigestBytes> base_digest{};
  uint64_t result_bytes = 0;
  std::array<uint8_t, kDigestBytes> result_digest{};
  uint8_t model_id_bytes = 0;
  std::array<uint8_t, kMaxModelIdBytes> model_id{};

  bool operator==(const PatchHeader&) const = default;
};

// Whether the body is that of profile lite, not records.
constexpr bool has_lite_body(const PatchHeader& header) {
  return header.profile == Profile::lite && (header.features & kFeatureLite) != 0;
}

// Serialises `header` with its check; `to` has room for kMaxPatchHeaderBytes. Returns the
// length.
size_t write_patch_header(const PatchHeader& header, ByteSpan to);

// How long the header that begins with these kPatchHeaderFixedBytes is. Refuses wrong magic
// (bad_magic), other versions (unsupported_version) and impossible lengths (malformed).
Status patch_header_length(ByteView fixed_part, size_t* length);

// Reads a whole header. Refuses what patch_header_length() refuses, a wrong check
// (check_mismatch), unknown features or profile (unsupported_feature), reserved bits and
// features that contradict each other (malformed).
Status read_patch_header(ByteView bytes, PatchHeader* header);

// Limits of the host profile.
constexpr uint64_t kMaxChunkCoded = 1u
                                    << 20;  // result bytes of a chunk that are not copies
constexpr uint64_t kMaxChunkResult = 1ull
                                     << 30;  // result bytes of a chunk, copies included
constexpr uint32_t kMaxChunkSteps = 1u << 14;
constexpr uint32_t kMaxChunkSections = 64;
constexpr uint32_t kMaxChunkPermuted = 255;    // of its steps
constexpr uint32_t kMaxChunkPicks = 1u << 16;  // of all of these
// A record holds at most this: incompressible sections are stored, structure grows by a
// little.
constexpr uint64_t kMaxRecordBytes = kMaxChunkCoded + (1u << 18);

// What the host profile needs beside the mapped base, per thread: models, buffers, zstd's
// window, for the chunk being decoded and for one that waits to be written.
constexpr uint32_t kHostMemoryKib = 20 * 1024;

// What the lite profile needs, everything that a device keeps included.
constexpr uint32_t kLiteMemoryKib = 1;

enum class RecordKind : uint8_t {
  chunk = 0,  // steps that rebuild a range of the result from the base and the record alone
  zstd_run = 1,  // the next piece of one zstd stream that holds the whole result
  again = 2,     // the bytes of a chunk before, once more (ChunkAgain)
};

// What a record of kind `again` has after its kind byte: which chunk is made once more.
struct ChunkAgain {
  uint64_t record_back = 0;  // bytes of the patch from this record back to the chunk's
  uint64_t result_back = 0;  // bytes of the result from this place back to the chunk's

  bool operator==(const ChunkAgain&) const = default;
};
constexpr size_t kMaxAgainRecordBytes = 1 + 2 * kMaxVarintBytes;

// Whether a chunk may be made again whose record has so many bytes, kind among them, and
// makes so many of the result: a few bytes of a patch that have a long record decoded must
// make many.
constexpr bool may_be_made_again(uint64_t record_bytes, uint64_t result_bytes) {
  constexpr uint64_t kRest = 64;  // of a record beside what the bytes take that are stored
  return result_bytes >= kMaxRecordBytes || record_bytes <= 2 * result_bytes + kRest;
}

void write_chunk_again(const ChunkAgain& again, ByteWriter& writer);
// Refuses (malformed) distances of 0, and what is shorter or longer.
Status read_chunk_again(ByteView record, ChunkAgain* again);

enum class CodecId : uint8_t {
  stored = 0,
  zstd = 1,
  planes = 2,
  blocks = 3,
  values = 4,
  mask = 5,
  tokens = 6,
  mixed = 7,
  edits = 8,
  grid = 9,
};
constexpr size_t kCodecCount = 10;
const char* codec_name(CodecId codec);

// One section of a chunk: bytes of several steps of one dtype (of codec `mask`: opaque),
// coded together.
struct SectionHeader {
  CodecId codec = CodecId::stored;
  Dtype dtype = Dtype::opaque;
  // Its steps read bytes of the base as prediction: as many as they make, or those that
  // are converted to as many.
  bool has_base = false;
  uint64_t result_bytes = 0;  // of all its steps
  uint64_t coded_bytes = 0;
  Conversion conversion{};
  LaneGrid grid{};           // of each of its steps, if the conversion has lanes
  bool is_permuted = false;  // steps say in which order they read the base (CodedStep)
};

// The head of a chunk record, after its kind byte.
struct ChunkHeader {
  uint64_t result_bytes = 0;
  uint64_t coded_result_bytes = 0;  // of these, not copied
  uint32_t check = 0;               // CRC-32C of the result bytes
  uint32_t section_count = 0;
  std::array<SectionHeader, kMaxChunkSections> sections{};

  // How many bytes are neither copied nor of a section: those of the structure.
  uint64_t own_bytes() const {
    uint64_t bytes = coded_result_bytes;
    for (uint32_t i = 0; i < section_count; ++i) bytes -= sections[i].result_bytes;
    return bytes;
  }
};

// How many bytes of the base a step of `length` bytes reads that belongs to the section,
// which has a base; false for a length that is not converted as a whole, and for what is no
// permutation.
[[nodiscard]] bool section_base_bytes(const SectionHeader& section, uint64_t length,
                                      const Permutation& permutation, uint64_t* base_bytes);

// The feature that a codec needs, and all that the sections of a chunk need.
uint32_t codec_feature(CodecId codec);
uint32_t section_features(const ChunkHeader& header);

void write_chunk_header(const ChunkHeader& header, ByteWriter& writer);

// Reads and checks a chunk header; `structure` and the sections' `payloads` view into the
// record.
struct ChunkView {
  ChunkHeader header;
  ByteView structure;
  std::array<ByteView, kMaxChunkSections> payloads;
};
Status read_chunk(ByteView record, ChunkView* chunk);

}  // namespace mallorn
