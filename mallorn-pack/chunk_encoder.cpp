#include "mallorn-pack/chunk_encoder.hpp"

#include <algorithm>

#include "libcommon/derivation.hpp"
#include "libcommon/lane_grid.hpp"
#include "mallorn-pack/chunk_layout.hpp"
#include "mallorn-pack/section_encoder.hpp"
#include "mallorn-pack/short_sections.hpp"
#include "mallorn-pack/structure_encoder.hpp"

namespace mallorn::pack {
namespace {

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

// Of a step that is in no section.
const char* predictor_of(const Step& step) {
  if (step.kind == StepKind::copy) return "same bytes";
  if (is_derived(step)) return "derived";
  if (is_converted(step) || is_permuted(step)) return "none";
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

std::vector<CodedSection> encode_sections(const PackOptions& options, ChunkLayout* layout) {
  std::vector<CodedSection> sections;
  for (SectionPlan& plan : layout->sections) {
    const CodedSection& section = sections.emplace_back(encode_section(plan, options));
    plan.has_base = section.uses_base;  // steps need no address if the codec does not look
    plan.is_permuted &= section.uses_base;
    if (!section.uses_base) plan.conversion = {};
  }
  return sections;
}

SectionHeader header_of(const SectionPlan& plan, const CodedSection& section) {
  SectionHeader header = {section.codec,
                          plan.dtype,
                          section.uses_base,
                          plan.result.size(),
                          section.coded.size(),
                          plan.conversion,
                          {},
                          plan.is_permuted};
  if (has_lanes(plan.conversion, plan.dtype))
    header.grid = lane_grid_from_bytes(plan.grid, plan.conversion, plan.dtype);
  return header;
}

// How many bytes of the result the model of bytes makes.
uint64_t modelled_bytes(const ChunkInput& chunk, const ChunkLayout& layout) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < chunk.steps.size(); ++i) {
    const Step& step = chunk.steps[i];
    const bool is_own = layout.section_of[i] == kNoSection && step.kind != StepKind::copy;
    if (is_own && !is_derived(step)) bytes += step.result_bytes;
  }
  return bytes;
}

EncodedChunk encode_layout(const ChunkInput& chunk, ChunkLayout layout, uint64_t base_bytes,
                           const PackOptions& options) {
  std::vector<CodedSection> sections = encode_sections(options, &layout);
  if (options.level > kFastLevel)
    drop_short_sections(chunk, base_bytes, &layout, &sections);
  ChunkHeader header;
  header.result_bytes = chunk.result.size();
  header.check = chunk.check;
  for (const Step& step : chunk.steps) {
    header.coded_result_bytes += step.kind == StepKind::copy ? 0 : step.result_bytes;
  }
  size_t lanes_bytes = 0;
  for (const SectionPlan& plan : layout.sections) {
    header.sections[header.section_count] = header_of(plan, sections[header.section_count]);
    ++header.section_count;
    lanes_bytes += plan.grid.size();
  }
  const Structure structure = encode_structure(chunk, layout, base_bytes);
  EncodedChunk encoded;
  encoded.result_offset = chunk.result_offset;
  encoded.modelled_bytes = modelled_bytes(chunk, layout);
  encoded.steps = report_steps(chunk, layout, sections, structure);
  encoded.features = section_features(header) | structure.features;

  std::vector<uint8_t> head(64 + kMaxChunkSections * (4 + 2 * kMaxVarintBytes) +
                            lanes_bytes);
  ByteWriter writer(head);
  writer.u8(static_cast<uint8_t>(RecordKind::chunk));
  write_chunk_header(header, writer);
  size_t record_bytes = writer.written().size() + structure.coded.size();
  for (const CodedSection& section : sections) record_bytes += section.coded.size();
  encoded.record.reserve(record_bytes);
  const auto append = [&](ByteView bytes) {
    encoded.record.insert(encoded.record.end(), bytes.begin(), bytes.end());
  };
  append(writer.written());
  append(structure.coded);
  for (const CodedSection& section : sections) append(section.coded);
  return encoded;
}

// As one section, without the base: hardly more than the bytes themselves.
EncodedChunk encode_whole(const ChunkInput& chunk, uint64_t base_bytes,
                          const PackOptions& options) {
  const uint64_t length = chunk.result.size();
  ChunkInput whole;
  whole.result_offset = chunk.result_offset;
  whole.result = chunk.result;
  whole.check = chunk.check;
  whole.base.resize(1);
  Step& step = whole.steps.emplace_back();
  step.kind = StepKind::literal;
  step.result_bytes = length;
  ChunkLayout layout;
  layout.section_of = {0};
  SectionPlan& section = layout.sections.emplace_back();
  section.parts.push_back({length, step.place});
  section.result.add(chunk.result);
  return encode_layout(whole, std::move(layout), base_bytes, options);
}

// Whether no reader would make a chunk of this record again: of steps of a byte or two, of
// many dtypes.
bool is_too_long(const EncodedChunk& encoded, uint64_t result_bytes) {
  return result_bytes <= kMaxChunkCoded &&
         !may_be_made_again(encoded.record.size(), result_bytes);
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

// Whether bytes in sections are worth what they are larger.
bool is_worth_it(const EncodedChunk& sections, const EncodedChunk& model,
                 const PackOptions& options) {
  const uint64_t before = model.modelled_bytes;
  const uint64_t after = std::min(sections.modelled_bytes, before);
  const uint64_t more = worth_of_time(before - after, model.record.size(), options);
  return sections.record.size() <= model.record.size() + more;
}

}  // namespace

EncodedChunk encode_chunk(const ChunkInput& chunk, uint64_t base_bytes,
                          const PackOptions& options) {
  if (chunk.twin) {
    EncodedChunk again;
    again.result_offset = chunk.result_offset;
    again.twin = chunk.twin;
    again.features = kFeatureAgain;
    again.steps = {{chunk.result.size(), 0, false, kCodecAgain, "earlier"}};
    return again;
  }
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
  if (best.record.size() > kMaxRecordBytes) {  // of picks that tell nothing
    layout.uses_permuted = false;
    best = encode_layout(chunk, lay_out(chunk, layout), base_bytes, options);
  }
  if (is_too_long(best, chunk.result.size()))
    best = encode_whole(chunk, base_bytes, options);
  return best;
}

}  // namespace mallorn::pack
