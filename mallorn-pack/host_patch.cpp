#include "mallorn-pack/host_patch.hpp"

#include <algorithm>
#include <optional>

#include "libcommon/error.hpp"
#include "libcommon/explanation.hpp"
#include "libcommon/ordered_pool.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/patch_writer.hpp"
#include "mallorn-pack/zstd_run.hpp"

namespace mallorn::pack {
namespace {

// Below this no search for something smaller: docs/format/patch.md promises no more.
constexpr uint64_t kSmallBody = 1024;

// Effort that keeps the time for a patch in proportion to the model.
int default_level(uint64_t result_bytes) {
  if (result_bytes <= 1u << 20) return kMaxLevel;
  return result_bytes <= 64u << 20 ? 9 : kFastLevel;
}

struct Packed {
  uint32_t features = 0;
  uint64_t modelled_bytes = 0;
};

// All chunks, coded by several threads, in order.
Packed pack_chunks(DeltaSource& source, const PackOptions& options,
                   const CommonOptions& common, Explanation& explanation,
                   PatchWriter& patch) {
  const uint64_t base_bytes = source.manifest().base.length_bytes;
  OrderedPool<ChunkInput, EncodedChunk> pool(common.threads, [&](ChunkInput&& chunk) {
    EncodedChunk encoded = encode_chunk(chunk, base_bytes, options);
    source.release(chunk);
    return encoded;
  });
  Progress progress(!common.is_quiet, "packing", source.manifest().result.length_bytes);
  Packed packed;
  uint64_t read = 0;
  pool.run(
      [&]() -> std::optional<ChunkInput> {
        std::optional<ChunkInput> chunk = source.next();
        if (chunk) read += chunk->result.size();
        progress.advance_to(read);
        return chunk;
      },
      [&](EncodedChunk&& chunk) {
        packed.features |= chunk.features;
        packed.modelled_bytes += chunk.modelled_bytes;
        explanation.add(chunk.result_offset, chunk.steps);
        if (chunk.twin) {
          patch.add_again(chunk.result_offset, *chunk.twin);
        } else {
          patch.add_chunk(chunk.result_offset, chunk.record);
        }
      });
  return packed;
}

// What the whole result by itself may take to be preferred: more than the chunks, of which
// the body has so many bytes, where those would take seconds to apply.
uint64_t most_of_whole(const Packed& packed, uint64_t body_bytes,
                       const PackOptions& options) {
  constexpr uint64_t kSoon = 1u << 20;  // modelled bytes
  if (options.level == kMaxLevel) return body_bytes;
  const uint64_t late = packed.modelled_bytes - std::min(packed.modelled_bytes, kSoon);
  return body_bytes + worth_of_time(late, body_bytes, options);
}

// The whole result by itself, if that takes less than `limit`; true if it does.
bool pack_whole(DeltaSource& source, int level, uint64_t limit, PatchWriter& patch) {
  constexpr size_t kPiece = 1u << 20;
  const MappedFile& result = source.result();
  const std::optional<Fd> run = compress_whole(result, level, limit);
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

// What --explain and --verbose ask for.
void tell(const Explanation& explanation, const Arguments& arguments, bool is_whole,
          uint64_t body_bytes) {
  if (arguments.explains) std::fputs(explanation.table().c_str(), stderr);
  if (arguments.explains && is_whole) {
    print_message("note",
                  "the whole result by itself is no larger, or decodes faster: zstd");
  }
  if (arguments.common.is_verbose) {
    print_message("note", with_commas(body_bytes) + " bytes of body" +
                              (is_whole ? ", the whole result" : ""));
  }
}

}  // namespace

void write_host_patch(DeltaSource& source, const Arguments& arguments, PatchHeader header,
                      Output& output) {
  PackOptions options{arguments.level, arguments.is_max};
  if (options.level == 0) {
    options.level = default_level(source.manifest().result.length_bytes);
  }
  PatchWriter by_chunks;
  PatchWriter whole;
  Explanation explanation(source.notes());
  header.memory_kib = kHostMemoryKib;
  const Packed packed =
      pack_chunks(source, options, arguments.common, explanation, by_chunks);
  header.features = packed.features;
  const uint64_t body = by_chunks.body_bytes();
  const bool is_whole =
      body > kSmallBody &&
      pack_whole(source, options.level, most_of_whole(packed, body, options), whole);
  if (is_whole) header.features = kFeatureZstd;
  PatchWriter& patch = is_whole ? whole : by_chunks;
  source.require_unchanged();
  patch.write(header, output);
  output.commit();
  tell(explanation, arguments, is_whole, patch.body_bytes());
}

}  // namespace mallorn::pack
