// Encodes one chunk of the result as a chunk record (docs/format/patch.md, "Chunks").
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/explanation.hpp"
#include "mallorn-pack/delta_source.hpp"
#include "mallorn-pack/pack_options.hpp"

namespace mallorn::pack {

struct EncodedChunk {
  std::vector<uint8_t> record;  // kind byte first; none if there is a twin
  uint64_t modelled_bytes = 0;  // of the result, by the model of bytes
  uint32_t features = 0;        // mandatory features it uses
  uint64_t result_offset = 0;
  std::vector<StepReport> steps;
  std::optional<uint64_t> twin{};  // that of the chunk: its record does for this one, too
};

// Deterministic: depends on the chunk and the options alone.
// `base_bytes` is the length of the whole base.
EncodedChunk encode_chunk(const ChunkInput& chunk, uint64_t base_bytes,
                          const PackOptions& options);

}  // namespace mallorn::pack
