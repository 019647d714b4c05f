#include "mallorn-pack/chunk_encoder.hpp"

#include <algorithm>

#include "libcommon/core/mixed_model.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/token_model.hpp"
#include "libcommon/core/value_model.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/lane_grid.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-pack/blocks_codec.hpp"
#include "mallorn-pack/chunk_layout.hpp"
#include "mallorn-pack/edits_codec.hpp"
#include "mallorn-pack/grid_codec.hpp"
#include "mallorn-pack/mask_codec.hpp"
#include "mallorn-pack/mixed_codec.hpp"
#include "mallorn-pack/planes_codec.hpp"
#include "mallorn-pack/structure_encoder.hpp"
#include "mallorn-pack/tokens_codec.hpp"
#include "mallorn-pack/values_codec.hpp"

namespace mallorn::pack {
namespace {

constexpr size_t kSmallSection = 64 * 1024;

// Of zstd, to see whether bytes repeat.
constexpr int kQuickLevel = 1;

// What some codecs send before the first element counts below this.
constexpr size_t kFewBytes = 1024;

struct CodedSection {
  CodecId codec = CodecId::stored;
  bool uses_base = false;
  std::vector<uint8_t> coded;
  std::vector<PartReport> reports;  // by part; none where the codec cannot tell
};

// Whether a part goes on with the rows of the one before: those of one matrix, wherever
// they lie in it.
bool continues(Dtype dtype, const SectionPart& before, const SectionPart& part) {
  const TensorPlace& from = before.place;
  const TensorPlace& to = part.place;
  const DtypeLayout& layout = dtype_layout(dtype);
  const uint64_t next =
      from.first_element + before.length_bytes / layout.block_bytes * layout.block_elements;
  return part.matrix && part.matrix == before.matrix && from.row_elements > 0 &&
         from.row_elements == to.row_elements &&
         from.column_elements == to.column_elements && from.base_zero == to.base_zero &&
         from.result_zero == to.result_zero &&
         next % from.row_elements == to.first_element % from.row_elements;
}

// The parts as the codecs see them: what is known of a matrix is known of more of its rows.
std::vector<SectionPart> join_rows(Dtype dtype, const std::vector<SectionPart>& parts) {
  std::vector<SectionPart> joined;
  for (const SectionPart& part : parts) {
    if (!joined.empty() && continues(dtype, joined.back(), part)) {
      joined.back().length_bytes += part.length_bytes;
    } else {
      joined.push_back(part);
    }
  }
  return joined;
}

// Reports of joined parts, dealt out to those that were joined, by size.
std::vector<PartReport> deal_out(const std::vector<PartReport>& reports,
                                 const std::vector<SectionPart>& joined,
                                 const std::vector<SectionPart>& parts) {
  std::vector<PartReport> dealt;
  size_t part = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    uint64_t told = 0;
    for (uint64_t bytes = 0; bytes < joined[i].length_bytes; ++part) {
      bytes += parts[part].length_bytes;
      const uint64_t so_far = reports[i].coded_bytes * bytes / joined[i].length_bytes;
      dealt.push_back({so_far - told, reports[i].predictor});
      told = so_far;
    }
  }
  return dealt;
}

// Whether most bytes are those of the base.
bool is_nearly_same(const SectionPlan& plan) {
  if (plan.base.size() != plan.result.size()) return false;
  size_t same = 0;
  for (size_t i = 0; i < plan.result.size(); ++i)
    same += plan.base[i] == plan.result[i] ? 1u : 0u;
  return same >= plan.result.size() / 8 * 7;
}

// Whole blocks from all over the section, an eighth of it.
std::vector<uint8_t> sample_of(ByteView bytes, size_t block_bytes) {
  constexpr size_t kRun = 8 * 1024;
  const size_t run = kRun / block_bytes * block_bytes;
  std::vector<uint8_t> sample;
  for (size_t at = 0; at < bytes.size(); at += 8 * run) {
    const ByteView part = bytes.subspan(at, std::min(run, bytes.size() - at));
    sample.insert(sample.end(), part.begin(), part.end());
  }
  return sample;
}

// Whether planes may be smaller than `bytes`: a quick look at a sample finds more of them
// by a sixteenth or so.
bool has_small_planes(const SectionPlan& plan, size_t bytes) {
  const size_t block_bytes = dtype_layout(plan.dtype).block_bytes;
  const std::vector<uint8_t> base = sample_of(plan.base, block_bytes);
  const std::vector<uint8_t> result = sample_of(plan.result, block_bytes);
  const auto coded = encode_planes(plan.dtype, base, result, kQuickLevel);
  return uint64_t{coded.size()} * plan.result.size() / 16 * 15 <
         uint64_t{bytes} * result.size();
}

// Whether zstd may need fewer bytes than `least`: at a quick level, it needs up to half as
// much again as at others.
bool may_repeat(const SectionPlan& plan, size_t least) {
  const size_t quick = encode_zstd(plan.result, kQuickLevel).size();
  return quick < (plan.has_base ? least / 2 * 3 : least);
}

CodedSection encode_section(const SectionPlan& plan, const PackOptions& options);

// By weights, unless that takes more bytes, or too long.
CodedSection encode_by_weights(const SectionPlan& plan, const PackOptions& options) {
  CodedSection best;
  const bool is_fast = options.level <= kFastLevel && plan.result.size() > kSmallSection;
  if (!is_fast) {
    best = {CodecId::blocks, true, {}, {}};
    best.coded = encode_blocks_by_weights(plan.dtype, plan.parts, plan.base, plan.result,
                                          &best.reports);
    if (best.coded.size() < plan.result.size() / 4 * 3) return best;
  }
  SectionPlan alone = plan;
  alone.has_base = false;
  alone.base.clear();
  alone.conversion = {};
  CodedSection other = encode_section(alone, options);
  return is_fast || other.coded.size() < best.coded.size() ? other : best;
}

// The smallest of what the codecs make; of equals the first.
CodedSection encode_section(const SectionPlan& plan, const PackOptions& options) {
  if (has_weights(plan.conversion, plan.dtype)) return encode_by_weights(plan, options);
  if ((!plan.conversion.is_none() || plan.is_permuted) && plan.base == plan.result)
    return {CodecId::stored, true, {}, {}};
  CodedSection best{CodecId::stored, false, plan.result, {}};
  const std::vector<SectionPart> joined = join_rows(plan.dtype, plan.parts);
  std::vector<PartReport> reports;
  const auto offer = [&](CodecId codec, bool uses_base, std::vector<uint8_t> coded) {
    if (coded.size() < best.coded.size())
      best = {codec, uses_base, std::move(coded), deal_out(reports, joined, plan.parts)};
    reports.clear();
  };
  const bool is_fast = options.level <= kFastLevel && plan.result.size() > kSmallSection;
  bool resembles = false;
  TokenType tokens;
  if (is_fast && token_type(plan.dtype, &tokens) &&
      (plan.has_base || tokens.kind != TokenKind::blocks)) {
    std::vector<uint8_t> coded = encode_tokens(plan.dtype, plan.base, plan.result);
    if (!coded.empty()) offer(CodecId::tokens, plan.has_base, std::move(coded));
    resembles = plan.has_base && best.coded.size() < plan.result.size() / 4 * 3;
  }
  if (plan.has_base) {
    std::vector<uint8_t> coded = encode_edits(plan.dtype, joined, plan.base, plan.result);
    // Tokens decode several times as fast: at fast levels, half of them is worth it.
    const size_t more = is_fast && best.codec == CodecId::tokens ? coded.size() : 0;
    if (!coded.empty() && coded.size() + more < best.coded.size())
      offer(CodecId::edits, true, std::move(coded));
  }
  if (std::vector<uint8_t> coded = encode_grid(plan.dtype, joined, plan.base, plan.result);
      !coded.empty()) {
    offer(CodecId::grid, plan.has_base, std::move(coded));
  }
  // Codecs of floats would code bits that are always the same.
  const bool is_on_grid = best.codec == CodecId::grid;
  if (!is_fast && plan.has_base && quant_grid(plan.dtype) != nullptr) {
    offer(CodecId::blocks, true,
          encode_blocks(plan.dtype, joined, plan.base, plan.result, &reports));
  }
  ValueType type;
  if (!is_fast && !is_on_grid &&
      (value_type(plan.dtype, &type) || half_type(plan.dtype, &type))) {
    offer(CodecId::values, plan.has_base,
          encode_values(plan.dtype, joined, plan.base, plan.result, &reports));
  }
  if (options.is_max && !is_on_grid && mixed_type(plan.dtype, &type)) {
    offer(CodecId::mixed, plan.has_base,
          encode_mixed(plan.dtype, joined, plan.base, plan.result));
  }
  if (!plan.masks.empty()) {
    offer(CodecId::mask, false, encode_mask(plan.masks, plan.result));
  }
  resembles |= best.coded.size() < plan.result.size() / 2;
  resembles &= best.coded.size() >= kFewBytes;
  const bool is_near = resembles && plan.has_base && is_nearly_same(plan);
  if (resembles && plan.has_base && !is_fast && token_type(plan.dtype, &tokens) &&
      (is_near || tokens.kind == TokenKind::integer)) {
    std::vector<uint8_t> coded = encode_tokens(plan.dtype, plan.base, plan.result);
    if (!coded.empty()) offer(CodecId::tokens, true, std::move(coded));
  }
  // Where elements resemble those of the base, or a tensor is pruned, nothing else comes
  // near, unless they repeat: rows of padding, for example.
  if (resembles && ((plan.has_base && is_fast) || !may_repeat(plan, best.coded.size()))) {
    // But where hardly a byte has changed, each codec leaves little; and where numbers are
    // of few kinds, so do planes.
    if (is_near ||
        (plan.has_base && !is_fast && has_small_planes(plan, best.coded.size()))) {
      offer(CodecId::planes, true,
            encode_planes(plan.dtype, plan.base, plan.result, options.level));
    }
    return best;
  }
  offer(CodecId::planes, plan.has_base,
        encode_planes(plan.dtype, plan.base, plan.result, options.level));
  offer(CodecId::zstd, false, encode_zstd(plan.result, options.level));
  return best;
}

// Of all parts of a section: by size, where its codec cannot tell.
std::vector<PartReport> reports_of(const SectionPlan& plan, const CodedSection& section) {
  std::vector<PartReport> reports = section.reports;
  if (!reports.empty()) {
    uint64_t told = 0;
    for (const PartReport& report : reports) told += report.coded_bytes;
    reports.back().coded_bytes += section.coded.size() - told;
  }
  uint64_t made = 0;
  uint64_t told = 0;
  for (size_t i = reports.size(); i < plan.parts.size(); ++i) {
    made += plan.parts[i].length_bytes;
    const uint64_t so_far = section.coded.size() * made / plan.result.size();
    reports.push_back({so_far - told, section.uses_base ? "same value" : "none"});
    told = so_far;
  }
  if (section.uses_base && !plan.conversion.is_none()) {
    for (PartReport& report : reports) {
      report.predictor += std::string(" from ") + dtype_layout(plan.conversion.from).name;
    }
  }
  return reports;
}

const char* predictor_of(const Step& step) {
  if (step.kind == StepKind::copy) return "same bytes";
  if (is_derived(step)) return "derived";
  return step.kind == StepKind::predict ? "bytes" : "none";
}

// `sections` are those of `layout`, coded.
std::vector<StepReport> report_steps(const ChunkInput& chunk, const ChunkLayout& layout,
                                     const std::vector<CodedSection>& sections,
                                     const Structure& structure) {
  std::vector<std::vector<PartReport>> parts;
  for (size_t i = 0; i < sections.size(); ++i) {
    parts.push_back(reports_of(layout.sections[i], sections[i]));
  }
  std::vector<size_t> next(sections.size());
  std::vector<StepReport> reports;
  for (size_t i = 0; i < chunk.steps.size(); ++i) {
    const Step& step = chunk.steps[i];
    const bool is_copy = step.kind == StepKind::copy;
    StepReport report{step.result_bytes, structure.step_bytes[i], is_copy,
                      is_copy ? "copy" : "bytes", predictor_of(step)};
    if (const uint32_t section = layout.section_of[i]; section != kNoSection) {
      const PartReport& part = parts[section][next[section]++];
      report.codec = codec_name(sections[section].codec);
      report.coded_bytes += part.coded_bytes;
      report.predictor = part.predictor;
      if (sections[section].uses_base && is_permuted(step))
        report.predictor += ", " + shown_permutation(step.permutation);
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

EncodedChunk encode_layout(const ChunkInput& chunk, ChunkLayout layout, uint64_t base_bytes,
                           const PackOptions& options) {
  EncodedChunk encoded;
  ChunkHeader header;
  header.result_bytes = chunk.result.size();
  header.check = fast_crc32c(0, chunk.result);
  for (const Step& step : chunk.steps) {
    header.coded_result_bytes += step.kind == StepKind::copy ? 0 : step.result_bytes;
  }
  std::vector<CodedSection> sections;
  size_t lanes_bytes = 0;
  for (SectionPlan& plan : layout.sections) {
    CodedSection section = encode_section(plan, options);
    plan.has_base = section.uses_base;  // steps need no address if the codec does not look
    plan.is_permuted &= section.uses_base;
    const Conversion conversion = section.uses_base ? plan.conversion : Conversion{};
    SectionHeader& head = header.sections[header.section_count++];
    head = {section.codec,
            plan.dtype,
            section.uses_base,
            plan.result.size(),
            section.coded.size(),
            conversion,
            {},
            plan.is_permuted};
    if (has_lanes(conversion, plan.dtype)) {
      head.grid = lane_grid_from_bytes(plan.grid, conversion, plan.dtype);
      lanes_bytes += plan.grid.size();
    }
    sections.push_back(std::move(section));
  }
  const Structure structure = encode_structure(chunk, layout, base_bytes);
  encoded.result_offset = chunk.result_offset;
  encoded.steps = report_steps(chunk, layout, sections, structure);
  encoded.features = section_features(header) | structure.features;

  std::vector<uint8_t> head(64 + kMaxChunkSections * (4 + 2 * kMaxVarintBytes) +
                            lanes_bytes);
  ByteWriter writer(head);
  writer.u8(static_cast<uint8_t>(RecordKind::chunk));
  write_chunk_header(header, writer);
  const auto append = [&](ByteView bytes) {
    encoded.record.insert(encoded.record.end(), bytes.begin(), bytes.end());
  };
  append(writer.written());
  append(structure.coded);
  for (const CodedSection& section : sections) append(section.coded);
  return encoded;
}

bool is_distant(const Step& step) {
  return step.kind == StepKind::predict && step.predictor == Predictor::distant;
}

// How many bytes of a chunk the model of bytes would have to decode, or sections instead.
uint64_t long_bytes(const ChunkInput& chunk) {
  uint64_t bytes = 0;
  for (const Step& step : chunk.steps) {
    const bool is_plain = step.kind != StepKind::copy && step.dtype == Dtype::opaque;
    if (is_plain && !is_derived(step) && step.result_bytes >= kLongStep)
      bytes += step.result_bytes;
  }
  return bytes;
}

// Whether bytes in sections are worth what they are larger: the model of bytes takes a
// second for each megabyte, for whoever applies the patch, too.
bool is_worth_it(const EncodedChunk& sections, const EncodedChunk& model,
                 const PackOptions& options) {
  const size_t more = options.is_max ? 0 : model.record.size() / 16;
  return sections.record.size() <= model.record.size() + more;
}

}  // namespace

EncodedChunk encode_chunk(const ChunkInput& chunk, uint64_t base_bytes,
                          const PackOptions& options) {
  LayoutOptions layout;
  layout.finds_masks = options.level > kFastLevel;
  const bool is_fast = options.level <= kFastLevel;
  layout.models_bytes = !is_fast;
  EncodedChunk best = encode_layout(chunk, lay_out(chunk, layout), base_bytes, options);
  if (!is_fast && long_bytes(chunk) > kSmallSection) {
    layout.models_bytes = false;
    EncodedChunk other = encode_layout(chunk, lay_out(chunk, layout), base_bytes, options);
    if (is_worth_it(other, best, options)) best = std::move(other);
    layout.models_bytes = true;
  }
  if (options.is_max && std::any_of(chunk.steps.begin(), chunk.steps.end(), is_distant)) {
    layout.uses_distant = true;
    EncodedChunk other = encode_layout(chunk, lay_out(chunk, layout), base_bytes, options);
    if (other.record.size() < best.record.size()) best = std::move(other);
  }
  return best;
}

}  // namespace mallorn::pack
