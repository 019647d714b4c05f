// mallorn-pack: delta stream -> patch.
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "libcommon/error.hpp"
#include "libcommon/explanation.hpp"
#include "libcommon/ordered_pool.hpp"
#include "libcommon/reader_watch.hpp"
#include "mallorn-pack/arguments.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_lag.hpp"
#include "mallorn-pack/patch_writer.hpp"
#include "mallorn-pack/zstd_run.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-pack",
                              R"(usage: mallorn-pack [OPTION...] [-o FILE [--force]]

Codes a delta stream (standard input, from mallorn-delta) as a patch. Each
chunk is coded by whichever codec makes it smallest. The patch goes to standard
output, or to FILE, which appears only when it is complete.

  -o, --output FILE  write the patch to FILE
      --force        replace FILE if it exists
      --level N      effort from 1 (fastest) to 19 (smallest); default: 19 for
                     models up to 1 MiB, 9 up to 64 MiB, 3 for larger ones
      --fast         the same as --level 3: made and applied fastest
      --max          level 19, and codecs that make patches 1 to 3 % smaller
                     still, but take 0.5 s for each MB, to make and to apply
      --model-id ID  name the model (up to 64 bytes), for who checks signatures
      --release N    number the release, against downgrades: 1 to 4294967295
      --profile NAME host (default), or lite: for devices with 1 KiB of memory
      --page-size N  lite: length of the device's erase blocks (default: 4096)
      --in-place     lite: for devices with one slot, which overwrite the base
      --journal N    with --in-place: length of their journal (default: a page)
      --no-floats    lite: for devices that are built without floats
      --max-ram N    lite: fail if the device needs more than N bytes of memory
      --explain      print what became of each tensor (mallorn-delta --notes)
      --threads N    use N threads (default: one per processor); the patch is
                     the same for any number
  -q, --quiet        no warnings, no progress
  -v, --verbose      say on standard error what is done
  -h, --help         show this text
      --version      show the version

Memory: about 30 MB for each thread, whatever the size of the model; profile
lite: some ten times the size of the model.
Exit: 0 done, 64 usage, 65 input damaged, 73 cannot create FILE, 74 I/O error.

examples:
  mallorn-parse old.gguf | mallorn-delta new.gguf | mallorn-pack -o update.mlp
  mallorn-pack --level 19 --threads 8 < delta.mls > update.mlp
)"};

// Below this no search for something smaller: docs/format/patch.md promises no more.
constexpr uint64_t kSmallBody = 1024;

// Effort that keeps the time for a patch in proportion to the model.
int default_level(uint64_t result_bytes) {
  if (result_bytes <= 1u << 20) return pack::kMaxLevel;
  return result_bytes <= 64u << 20 ? 9 : pack::kFastLevel;
}

// What models have learned is lost at every restart point: where the device's blocks are
// shorter than this, one block in many is one.
constexpr uint32_t kLeastRestart = 64 * 1024;

// What is known before anything is coded.
PatchHeader header_of(const DeltaManifest& manifest, const pack::Arguments& arguments) {
  PatchHeader header;
  header.base_bytes = manifest.base.length_bytes;
  header.base_digest = manifest.base.digest;
  header.result_bytes = manifest.result.length_bytes;
  header.result_digest = manifest.result.digest;
  header.memory_kib = kHostMemoryKib;
  header.release = arguments.release;
  header.model_id_bytes = static_cast<uint8_t>(arguments.model_id.size());
  std::copy(arguments.model_id.begin(), arguments.model_id.end(), header.model_id.begin());
  return header;
}

// All chunks, coded by several threads, in order. Returns the features they use.
uint32_t pack_chunks(pack::DeltaSource& source, const pack::PackOptions& options,
                     const CommonOptions& common, Explanation& explanation,
                     pack::PatchWriter& patch) {
  const uint64_t base_bytes = source.manifest().base.length_bytes;
  OrderedPool<pack::ChunkInput, pack::EncodedChunk> pool(
      common.threads, [&](pack::ChunkInput&& chunk) {
        pack::EncodedChunk encoded = encode_chunk(chunk, base_bytes, options);
        source.release(chunk);
        return encoded;
      });
  Progress progress(!common.is_quiet, "packing", source.manifest().result.length_bytes);
  uint32_t features = 0;
  uint64_t read = 0;
  pool.run(
      [&]() -> std::optional<pack::ChunkInput> {
        std::optional<pack::ChunkInput> chunk = source.next();
        if (chunk) read += chunk->result.size();
        progress.advance_to(read);
        return chunk;
      },
      [&](pack::EncodedChunk&& chunk) {
        features |= chunk.features;
        explanation.add(chunk.result_offset, chunk.steps);
        if (chunk.twin) {
          patch.add_again(chunk.result_offset, *chunk.twin);
        } else {
          patch.add_chunk(chunk.result_offset, chunk.record);
        }
      });
  return features;
}

// The whole result by itself, if that makes a smaller patch; true if it does.
bool pack_whole(pack::DeltaSource& source, int level, uint64_t limit,
                pack::PatchWriter& patch) {
  constexpr size_t kPiece = 1u << 20;
  const MappedFile& result = source.result();
  const std::optional<Fd> run = pack::compress_whole(result, level, limit);
  if (!run) return false;
  const MappedFile coded(*run, temporary_file_name());
  std::vector<uint8_t> record;
  for (size_t at = 0; at < coded.bytes().size(); at += kPiece) {
    const ByteView piece =
        coded.bytes().subspan(at).first(std::min(kPiece, coded.bytes().size() - at));
    record.assign(1, static_cast<uint8_t>(RecordKind::zstd_run));
    record.insert(record.end(), piece.begin(), piece.end());
    patch.add(record);
  }
  return true;
}

// What a journal would save, where none has been spoken of.
void tell_of_journal(const pack::LitePlanner& planner, uint32_t restart_log2,
                     uint32_t page_bytes, size_t body_bytes) {
  const uint32_t most = std::min(kMostInPlaceLag, (kMaxLiteBytes - 1) / page_bytes);
  const pack::LaggedBody with = encode_in_place(planner, restart_log2, page_bytes, most);
  if (with.body.size() + with.body.size() / 3 >= body_bytes) return;
  print_message("note", "bytes have moved to later pages: with --journal " +
                            std::to_string((with.lag + 1) * page_bytes) + ", " +
                            with_commas(with.body.size()) + " bytes of body in place of " +
                            with_commas(body_bytes));
}

void pack_lite(pack::DeltaSource& source, const pack::Arguments& arguments,
               PatchHeader header, Output& output) {
  const uint32_t page_bytes = arguments.page_bytes;
  const uint32_t restart_bytes = std::max(page_bytes, kLeastRestart);
  const auto restart_log2 = static_cast<uint32_t>(std::countr_zero(restart_bytes));
  const pack::LitePlanner planner(source, arguments.has_floats);
  pack::PatchWriter patch;
  header.profile = Profile::lite;
  header.features = kFeatureLite;
  if (arguments.is_in_place) {
    const auto log2 = static_cast<uint32_t>(std::countr_zero(page_bytes));
    const pack::LaggedBody made =
        encode_in_place(planner, restart_log2, page_bytes, arguments.most_lag);
    header.features |= in_place_features(log2, made.lag);
    patch.set_lite_body(made.body);
    if (!arguments.has_journal && !arguments.common.is_quiet) {
      tell_of_journal(planner, restart_log2, page_bytes, made.body.size());
    }
  } else {
    patch.set_lite_body(encode_lite(planner.plan(restart_bytes, {}), restart_log2));
  }
  header.memory_kib = kLiteMemoryKib;
  source.require_unchanged();
  patch.write(header, output);
}

int run(int argc, char** argv) {
  pack::Arguments arguments;
  if (!read_arguments(kProgram, argc, argv, &arguments)) return 0;
  Output output(arguments.output, arguments.is_forced);
  std::optional<ReaderWatch> watch;
  if (output.is_stdout()) watch.emplace();
  pack::DeltaSource source(STDIN_FILENO, "standard input", arguments.explains);
  const DeltaManifest& manifest = source.manifest();
  pack::PackOptions options{arguments.level, arguments.is_max};
  if (options.level == 0) options.level = default_level(manifest.result.length_bytes);

  PatchHeader header = header_of(manifest, arguments);
  if (arguments.is_lite) {
    pack_lite(source, arguments, header, output);
    output.commit();
    return 0;
  }
  pack::PatchWriter by_chunks;
  pack::PatchWriter whole;
  Explanation explanation(source.notes());
  header.features = pack_chunks(source, options, arguments.common, explanation, by_chunks);
  const bool is_whole = by_chunks.body_bytes() > kSmallBody &&
                        pack_whole(source, options.level, by_chunks.body_bytes(), whole);
  if (is_whole) header.features = kFeatureZstd;
  source.require_unchanged();
  (is_whole ? whole : by_chunks).write(header, output);
  output.commit();
  if (arguments.explains) std::fputs(explanation.table().c_str(), stderr);
  if (arguments.explains && is_whole) {
    print_message("note", "the whole result by itself was smaller: zstd");
  }
  if (arguments.common.is_verbose) {
    print_message("note", with_commas((is_whole ? whole : by_chunks).body_bytes()) +
                              " bytes of body" + (is_whole ? ", the whole result" : ""));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] { return run(argc, argv); });
}
