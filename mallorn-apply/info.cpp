#include "mallorn-apply/info.hpp"

#include <cstdio>
#include <map>
#include <memory>
#include <tuple>

#include "libcommon/cli.hpp"
#include "libcommon/text.hpp"
#include "mallorn-apply/memory.hpp"

namespace mallorn::apply {
namespace {

// What a device with one slot needs whose erase blocks are those of the patch; 0: it cannot
// take the patch.
uint64_t journal_bytes(const PatchHeader& header) {
  const uint32_t log2 = in_place_log2(header.features);
  return log2 == 0 ? 0 : uint64_t{in_place_lag(header.features) + 1} << log2;
}

const char* profile_name(Profile profile) {
  return profile == Profile::host ? "host" : "lite";
}

// As --memory counts it; of a patch for small devices also as they do.
std::string memory_of(const PatchHeader& header) {
  const std::string one = in_mib(needed_memory(header, 1));
  if (header.profile == Profile::lite) {
    return with_commas(header.memory_kib) + " KiB on a device, " + one + " here";
  }
  return one + " with one thread, " + in_mib(needed_memory(header, 2)) + " with two";
}

using SectionKey = std::tuple<CodecId, Dtype, bool, Conversion>;

void add_chunk(const ChunkView& chunk, PatchInfo* info,
               std::map<SectionKey, SectionTotal>* totals) {
  const ChunkHeader& header = chunk.header;
  uint64_t in_sections = 0;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const SectionHeader& section = header.sections[i];
    SectionTotal& total =
        (*totals)[{section.codec, section.dtype, section.has_base, section.conversion}];
    total.codec = section.codec;
    total.dtype = section.dtype;
    total.has_base = section.has_base;
    total.conversion = section.conversion;
    total.sections += 1;
    total.result_bytes += section.result_bytes;
    total.coded_bytes += section.coded_bytes;
    in_sections += section.result_bytes;
    info->placed.push_back({info->chunk_bytes, section});
  }
  info->chunk_bytes += header.result_bytes;
  info->chunks += 1;
  info->copied_bytes += header.result_bytes - header.coded_result_bytes;
  info->structure_result_bytes += header.coded_result_bytes - in_sections;
  info->structure_bytes += chunk.structure.size();
}

// Of a chunk that is made again, to know how many bytes it makes.
constexpr uint64_t kEnoughOfRecord = 1 + kMaxVarintBytes;

// A chunk that a record of kind `again` has made once more.
void add_again(uint64_t result_bytes, PatchInfo* info) {
  info->chunk_bytes += result_bytes;
  info->again_bytes += result_bytes;
  info->chunks += 1;
}

// Text that grows by printf-like pieces.
class Text {
 public:
  void add(const char* text) { text_ += text; }

  template <typename... Values>
  void add(const char* format, Values... values) {
    const int length = std::snprintf(nullptr, 0, format, values...);
    if (length <= 0) return;
    const size_t at = text_.size();
    text_.resize(at + static_cast<size_t>(length) + 1);  // and the NUL
    std::snprintf(text_.data() + at, text_.size() - at, format, values...);
    text_.pop_back();
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

double percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string prediction_name(const SectionTotal& section) {
  if (!section.has_base) return "on their own";
  std::string name = "predicted from the base";
  if (!section.conversion.is_none()) {
    name += std::string("'s ") + dtype_layout(section.conversion.from).name;
    name += section.conversion.rounding == Rounding::zero ? ", cut off" : "";
  }
  return name;
}

// Of what its prediction is made; empty without one.
const char* base_dtype(const SectionTotal& section) {
  if (!section.has_base) return "";
  return dtype_layout(section.conversion.is_none() ? section.dtype
                                                   : section.conversion.from)
      .name;
}

// What one element takes in the patch, of a SectionTotal or a SectionHeader.
template <typename Section>
double bits_each(const Section& section) {
  const DtypeLayout& layout = dtype_layout(section.dtype);
  const double elements = static_cast<double>(section.result_bytes) / layout.block_bytes *
                          layout.block_elements;
  return elements == 0 ? 0.0 : 8.0 * static_cast<double>(section.coded_bytes) / elements;
}

std::string is_predicted(const SectionHeader& section) {
  if (!section.has_base) return "no";
  if (section.is_permuted) return "permuted";
  if (section.conversion.is_none()) return "yes";
  return std::string("from ") + dtype_layout(section.conversion.from).name;
}

void add_placed(const PatchInfo& info, Text* text) {
  text->add("\n%15s  %-11s %-8s %-9s %15s %13s %10s\n", "in chunk at", "dtype", "codec",
            "predicted", "bytes", "coded", "bits each");
  for (const PlacedSection& placed : info.placed) {
    const SectionHeader& section = placed.header;
    text->add("%15s  %-11s %-8s %-9s %15s %13s %10.3f\n",
              with_commas(placed.chunk_offset).c_str(), dtype_layout(section.dtype).name,
              codec_name(section.codec), is_predicted(section).c_str(),
              with_commas(section.result_bytes).c_str(),
              with_commas(section.coded_bytes).c_str(), bits_each(section));
  }
}

}  // namespace

uint64_t PatchInfo::head_bytes() const {
  uint64_t held = structure_bytes + zstd_run_bytes + lite_bytes;
  for (const SectionTotal& section : sections) held += section.coded_bytes;
  return patch_bytes - held;
}

PatchInfo read_info(PatchReader& patch) {
  PatchInfo info;
  info.header = patch.header();
  info.signatures = patch.front().signatures;
  info.patch_bytes = patch.front().length_bytes() + patch.header().body_bytes;
  if (has_lite_body(info.header)) {
    std::vector<uint8_t> piece(64 * 1024);
    while (const size_t count = patch.next_bytes(piece)) info.lite_bytes += count;
    return info;
  }
  std::map<SectionKey, SectionTotal> totals;
  std::vector<uint8_t> record;
  const auto chunk = std::make_unique<ChunkView>();
  while (patch.next(&record)) {
    if (patch.kind_of(record) == RecordKind::zstd_run) {
      info.zstd_run_bytes += record.size() - 1;
      continue;
    }
    const ChunkJob job = patch.chunk_at(record, info.chunk_bytes, kEnoughOfRecord);
    if (job.is_again) {
      add_again(job.result_bytes, &info);
      continue;
    }
    const Status status = read_chunk(job.record, chunk.get());
    if (status != Status::ok) patch.fail(status, "chunk header");
    if ((section_features(chunk->header) & ~info.header.features) != 0) {
      patch.fail(Status::malformed, kUndeclared);
    }
    add_chunk(*chunk, &info, &totals);
  }
  for (const auto& [key, total] : totals) info.sections.push_back(total);
  return info;
}

std::string info_to_text(const PatchInfo& info, bool is_verbose) {
  const PatchHeader& header = info.header;
  Text text;
  text.add("format version   %d, %s profile\n", kPatchVersion,
           profile_name(header.profile));
  text.add("patch            %s bytes (%.2f %% of the result)\n",
           with_commas(info.patch_bytes).c_str(),
           percent(info.patch_bytes, header.result_bytes));
  text.add("base             %s bytes, sha256 %s\n", with_commas(header.base_bytes).c_str(),
           to_hex(header.base_digest).c_str());
  text.add("result           %s bytes, sha256 %s\n",
           with_commas(header.result_bytes).c_str(), to_hex(header.result_digest).c_str());
  text.add("memory           %s\n", memory_of(header).c_str());
  if (header.model_id_bytes > 0) {
    const ByteView id = ByteView(header.model_id).first(header.model_id_bytes);
    text.add("model id         %s\n", printable(text_of(id)).c_str());
  }
  if (header.release > 0)
    text.add("release          %llu\n", (unsigned long long)header.release);
  for (const PatchSignature& signature : info.signatures) {
    text.add("signature        by key %s, not checked\n", to_hex(signature.key_id).c_str());
  }
  if (info.lite_bytes > 0) {
    text.add("holds            one stream for small devices: %s bytes\n",
             with_commas(info.lite_bytes).c_str());
    if (const uint32_t log2 = in_place_log2(header.features); log2 != 0) {
      text.add(
          "in place         for erase blocks of %s bytes, or multiples; a journal of %s\n",
          with_commas(1ull << log2).c_str(), with_commas(journal_bytes(header)).c_str());
    }
    return text.take();
  }
  if (info.zstd_run_bytes > 0) {
    text.add("holds            the whole result, zstd: %s bytes\n",
             with_commas(info.zstd_run_bytes).c_str());
    return text.take();
  }
  text.add("chunks           %s\n", with_commas(info.chunks).c_str());
  text.add("copied           %s bytes of the result\n",
           with_commas(info.copied_bytes).c_str());
  if (info.again_bytes > 0) {
    text.add("made again       %s bytes of the result, by chunks before\n",
             with_commas(info.again_bytes).c_str());
  }
  text.add("structure        %s bytes of the result in %s of the patch, steps included\n",
           with_commas(info.structure_result_bytes).c_str(),
           with_commas(info.structure_bytes).c_str());
  for (const SectionTotal& section : info.sections) {
    text.add(
        "%-16s %s bytes of the result in %s of the patch, %s, codec %s, %.3f bits each\n",
        dtype_layout(section.dtype).name, with_commas(section.result_bytes).c_str(),
        with_commas(section.coded_bytes).c_str(), prediction_name(section).c_str(),
        codec_name(section.codec), bits_each(section));
  }
  text.add("heads            %s bytes of the patch\n",
           with_commas(info.head_bytes()).c_str());
  if (is_verbose && !info.placed.empty()) add_placed(info, &text);
  return text.take();
}

std::string info_to_json(const PatchInfo& info) {
  using Number = unsigned long long;
  const PatchHeader& header = info.header;
  Text text;
  text.add("{\"version\":%d,\"profile\":\"%s\",\"patch_bytes\":%llu,", kPatchVersion,
           profile_name(header.profile), Number{info.patch_bytes});
  text.add("\"features\":%u,\"memory_kib\":%u,\"memory_mib\":%llu,\"release\":%llu,",
           header.features, header.memory_kib, Number{whole_mib(needed_memory(header, 1))},
           Number{header.release});
  text.add("\"model_id\":\"%s\",",
           to_hex(ByteView(header.model_id).first(header.model_id_bytes)).c_str());
  text.add("\"signatures\":[");
  for (size_t i = 0; i < info.signatures.size(); ++i) {
    text.add("%s\"%s\"", i == 0 ? "" : ",", to_hex(info.signatures[i].key_id).c_str());
  }
  text.add("],");
  text.add("\"base\":{\"length\":%llu,\"sha256\":\"%s\"},", Number{header.base_bytes},
           to_hex(header.base_digest).c_str());
  text.add("\"result\":{\"length\":%llu,\"sha256\":\"%s\"},", Number{header.result_bytes},
           to_hex(header.result_digest).c_str());
  text.add("\"head_bytes\":%llu,", Number{info.head_bytes()});
  text.add("\"chunks\":%llu,\"copied_bytes\":%llu,\"again_bytes\":%llu,",
           Number{info.chunks}, Number{info.copied_bytes}, Number{info.again_bytes});
  text.add("\"structure\":{\"result_bytes\":%llu,\"coded_bytes\":%llu},",
           Number{info.structure_result_bytes}, Number{info.structure_bytes});
  const uint32_t log2 = in_place_log2(header.features);
  text.add("\"zstd_run_bytes\":%llu,\"lite_bytes\":%llu,", Number{info.zstd_run_bytes},
           Number{info.lite_bytes});
  text.add("\"in_place_bytes\":%llu,\"journal_bytes\":%llu,\"sections\":[",
           Number{log2 == 0 ? 0 : 1ull << log2}, Number{journal_bytes(header)});
  for (size_t i = 0; i < info.sections.size(); ++i) {
    const SectionTotal& section = info.sections[i];
    text.add(
        "%s{\"codec\":\"%s\",\"dtype\":\"%s\",\"predicted\":%s,"
        "\"base_dtype\":\"%s\",\"rounding\":\"%s\",\"sections\":%llu,"
        "\"result_bytes\":%llu,\"coded_bytes\":%llu}",
        i == 0 ? "" : ",", codec_name(section.codec), dtype_layout(section.dtype).name,
        section.has_base ? "true" : "false", base_dtype(section),
        section.conversion.rounding == Rounding::zero ? "zero" : "nearest",
        Number{section.sections}, Number{section.result_bytes},
        Number{section.coded_bytes});
  }
  text.add("]}\n");
  return text.take();
}

}  // namespace mallorn::apply
