#include "libcommon/core/patch_format.hpp"

#include "libcommon/core/crc32c.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {
namespace {

constexpr size_t kLengthOffset = 6;
static_assert(kMaxPatchHeaderBytes <= UINT8_MAX);
constexpr uint8_t kFileCount = 1;  // version 0 patches one file

// Flags of sections.
constexpr uint8_t kHasBase = 1;
constexpr uint8_t kIsConverted = 2;
constexpr uint8_t kIsPermuted = 4;

// Blocks have a length if there are any, and there are none but in a body of profile lite.
bool is_in_place_sound(const PatchHeader& header) {
  const uint32_t log2 = in_place_log2(header.features);
  const uint32_t lag = in_place_lag(header.features);
  if ((header.features & kFeatureInPlace) == 0) return log2 == 0 && lag == 0;
  return has_lite_body(header) && log2 >= kLeastInPlaceLog2 && log2 <= kMostInPlaceLog2 &&
         lag >> (kInPlaceLagBytesLog2 - log2) == 0;
}

}  // namespace

size_t write_patch_header(const PatchHeader& header, ByteSpan to) {
  ByteWriter writer(to);
  const size_t length = kPatchHeaderFixedBytes + header.model_id_bytes;
  writer.bytes(kPatchMagic);
  writer.u8(kPatchVersion);
  writer.u8(static_cast<uint8_t>(header.profile));
  writer.u8(static_cast<uint8_t>(length));
  writer.u8(header.signature_count);
  writer.u32(header.features);
  writer.u32(header.memory_kib);
  writer.u32(header.release);
  writer.u64(header.body_bytes);
  writer.bytes(header.body_digest);
  writer.u8(kFileCount);
  writer.u8(header.model_id_bytes);
  writer.u64(header.base_bytes);
  writer.bytes(header.base_digest);
  writer.u64(header.result_bytes);
  writer.bytes(header.result_digest);
  writer.bytes(ByteView(header.model_id).first(header.model_id_bytes));
  writer.u32(crc32c(0, writer.written()));
  return writer.size();
}

Status patch_header_length(ByteView fixed_part, size_t* length) {
  if (fixed_part.size() < kPatchHeaderFixedBytes) return Status::truncated;
  if (memcmp(fixed_part.data(), kPatchMagic.data(), kPatchMagic.size()) != 0) {
    return Status::bad_magic;
  }
  if (fixed_part[kPatchMagic.size()] != kPatchVersion) return Status::unsupported_version;
  const size_t declared = fixed_part[kLengthOffset];
  if (declared < kPatchHeaderFixedBytes || declared > kMaxPatchHeaderBytes) {
    return Status::malformed;
  }
  *length = declared;
  return Status::ok;
}

Status read_patch_header(ByteView bytes, PatchHeader* header) {
  size_t length = 0;
  if (const Status status = patch_header_length(bytes, &length); status != Status::ok) {
    return status;
  }
  if (bytes.size() != length) return Status::truncated;
  const ByteView covered = bytes.first(length - kPatchHeaderCheckBytes);
  if (load_le<uint32_t>(bytes.data() + covered.size()) != crc32c(0, covered)) {
    return Status::check_mismatch;
  }
  ByteReader reader(covered);
  PatchHeader read;
  reader.skip(kPatchMagic.size() + 1);
  const uint8_t profile = reader.u8();
  reader.skip(1);
  read.signature_count = reader.u8();
  read.features = reader.u32();
  read.memory_kib = reader.u32();
  read.release = reader.u32();
  read.body_bytes = reader.u64();
  reader.copy_to(read.body_digest);
  const uint8_t file_count = reader.u8();
  read.model_id_bytes = reader.u8();
  read.base_bytes = reader.u64();
  reader.copy_to(read.base_digest);
  read.result_bytes = reader.u64();
  reader.copy_to(read.result_digest);
  if (read.model_id_bytes != reader.remaining()) return Status::malformed;
  const ByteView id = reader.bytes(read.model_id_bytes);
  if (!id.empty()) memcpy(read.model_id.data(), id.data(), id.size());
  if (!reader.ok()) return reader.status();
  if (read.body_bytes == 0 || read.signature_count > kMaxPatchSignatures) {
    return Status::malformed;
  }
  if (profile > static_cast<uint8_t>(Profile::lite) || file_count != kFileCount ||
      (read.features & ~(kKnownFeatures | kInPlaceBits)) != 0) {
    return Status::unsupported_feature;
  }
  read.profile = static_cast<Profile>(profile);
  if (!is_in_place_sound(read)) return Status::malformed;
  *header = read;
  return Status::ok;
}

uint32_t codec_feature(CodecId codec) {
  switch (codec) {
    case CodecId::stored:
      return 0;
    case CodecId::zstd:
    case CodecId::planes:
      return kFeatureZstd;
    case CodecId::blocks:
      return kFeatureBlocks;
    case CodecId::values:
      return kFeatureValues;
    case CodecId::mask:
      return kFeatureMask;
    case CodecId::tokens:
      return kFeatureTokens;
    case CodecId::mixed:
      return kFeatureMixed;
    case CodecId::edits:
      return kFeatureEdits;
    case CodecId::grid:
      return kFeatureGrid;
  }
  return 0;
}

bool section_base_bytes(const SectionHeader& section, uint64_t length,
                        const Permutation& permutation, uint64_t* base_bytes) {
  if (!permutation.is_none()) {
    return permuted_from(permutation, section.dtype, length, base_bytes);
  }
  *base_bytes = length;
  return section.conversion.is_none() ||
         converted_from(section.conversion, section.dtype, length, base_bytes);
}

uint32_t section_features(const ChunkHeader& header) {
  uint32_t features = 0;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const SectionHeader& section = header.sections[i];
    features |= codec_feature(section.codec);
    if (!section.conversion.is_none()) features |= kFeatureConverted;
    if (has_lanes(section.conversion, section.dtype)) features |= kFeatureLanes;
    if (section.is_permuted) features |= kFeaturePermuted;
    if (has_weights(section.conversion, section.dtype)) features |= kFeatureWeights;
    ValueType type;
    if (section.codec == CodecId::values && half_type(section.dtype, &type))
      features |= kFeatureHalves;
  }
  return features;
}

void write_chunk_header(const ChunkHeader& header, ByteWriter& writer) {
  writer.varint(header.result_bytes);
  writer.varint(header.coded_result_bytes);
  writer.u32(header.check);
  writer.varint(header.section_count);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const SectionHeader& section = header.sections[i];
    writer.u8(static_cast<uint8_t>(section.codec));
    writer.u8(static_cast<uint8_t>(section.dtype));
    const bool is_converted = !section.conversion.is_none();
    writer.u8(static_cast<uint8_t>((section.has_base ? kHasBase : 0) |
                                   (is_converted ? kIsConverted : 0) |
                                   (section.is_permuted ? kIsPermuted : 0)));
    if (is_converted) writer.u8(conversion_to_byte(section.conversion));
    if (has_lanes(section.conversion, section.dtype)) write_lane_grid(section.grid, writer);
    writer.varint(section.result_bytes);
    writer.varint(section.coded_bytes);
  }
}

namespace {

Status read_section_header(ByteReader& reader, SectionHeader* section) {
  const uint8_t codec = reader.u8();
  const uint8_t dtype = reader.u8();
  const uint8_t flags = reader.u8();
  const bool is_converted = (flags & kIsConverted) != 0;
  const uint8_t conversion = is_converted ? reader.u8() : uint8_t{0};
  section->conversion = {};
  section->dtype = static_cast<Dtype>(dtype);
  if (is_converted && reader.ok()) {
    if (!conversion_from_byte(conversion, section->dtype, &section->conversion)) {
      return Status::malformed;
    }
    if (has_lanes(section->conversion, section->dtype) &&
        !read_lane_grid(reader, section->conversion, section->dtype, &section->grid)) {
      return reader.ok() ? Status::malformed : reader.status();
    }
  }
  section->result_bytes = reader.varint();
  section->coded_bytes = reader.varint();
  if (!reader.ok()) return reader.status();
  if (codec >= kCodecCount) return Status::unknown_codec;
  section->codec = static_cast<CodecId>(codec);
  section->has_base = (flags & kHasBase) != 0;
  section->is_permuted = (flags & kIsPermuted) != 0;
  if (flags > (kHasBase | kIsConverted | kIsPermuted) ||
      dtype_layout(section->dtype).dtype != section->dtype) {
    return Status::malformed;
  }
  if ((is_converted || section->is_permuted) && !section->has_base)
    return Status::malformed;
  if (section->is_permuted && (is_converted || !can_permute(section->dtype)))
    return Status::malformed;
  if (has_weights(section->conversion, section->dtype) &&
      section->codec != CodecId::blocks) {
    return Status::malformed;
  }
  return section->result_bytes == 0 ? Status::malformed : Status::ok;
}

}  // namespace

Status read_chunk(ByteView record, ChunkView* chunk) {
  ByteReader reader(record);
  ChunkHeader& header = chunk->header;
  header.result_bytes = reader.varint();
  header.coded_result_bytes = reader.varint();
  header.check = reader.u32();
  const uint64_t section_count = reader.varint();
  if (!reader.ok()) return reader.status();
  if (header.result_bytes > kMaxChunkResult || header.coded_result_bytes > kMaxChunkCoded ||
      section_count > kMaxChunkSections) {
    return Status::limit_exceeded;
  }
  if (header.result_bytes == 0) return Status::malformed;
  header.section_count = static_cast<uint32_t>(section_count);
  uint64_t sections_result = 0;
  uint64_t sections_coded = 0;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    SectionHeader& section = header.sections[i];
    if (const Status status = read_section_header(reader, &section); status != Status::ok) {
      return status;
    }
    if (!checked_add(sections_result, section.result_bytes, &sections_result) ||
        !checked_add(sections_coded, section.coded_bytes, &sections_coded)) {
      return Status::malformed;
    }
  }
  if (sections_result > header.coded_result_bytes || sections_coded > reader.remaining()) {
    return Status::malformed;
  }
  if (header.coded_result_bytes > header.result_bytes) return Status::corrupt_data;
  chunk->structure = reader.bytes(reader.remaining() - sections_coded);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    chunk->payloads[i] = reader.bytes(header.sections[i].coded_bytes);
  }
  return reader.status();
}

void write_chunk_again(const ChunkAgain& again, ByteWriter& writer) {
  writer.varint(again.record_back);
  writer.varint(again.result_back);
}

Status read_chunk_again(ByteView record, ChunkAgain* again) {
  ByteReader reader(record);
  again->record_back = reader.varint();
  again->result_back = reader.varint();
  const bool is_complete = reader.ok() && reader.remaining() == 0;
  const bool is_before = again->record_back != 0 && again->result_back != 0;
  return is_complete && is_before ? Status::ok : Status::malformed;
}

const char* codec_name(CodecId codec) {
  switch (codec) {
    case CodecId::stored:
      return "stored";
    case CodecId::zstd:
      return "zstd";
    case CodecId::planes:
      return "planes";
    case CodecId::blocks:
      return "blocks";
    case CodecId::values:
      return "values";
    case CodecId::mask:
      return "mask";
    case CodecId::tokens:
      return "tokens";
    case CodecId::mixed:
      return "mixed";
    case CodecId::edits:
      return "edits";
    case CodecId::grid:
      return "grid";
  }
  return "unknown";
}

}  // namespace mallorn
