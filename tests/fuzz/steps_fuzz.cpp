// Any bytes as a note, and as the steps of a chunk: an Error, or steps inside base and
// result that are written as they were read, but for numbers that were longer than need be.
#include <cstdint>
#include <cstdlib>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/delta_stream.hpp"
#include "libcommon/error.hpp"

namespace {

void read_note(mallorn::ByteView payload) {
  try {
    const mallorn::TensorNote note = mallorn::note_from_bytes(payload, "input");
    const std::vector<uint8_t> written = mallorn::note_to_bytes(note);
    if (mallorn::note_from_bytes(written, "output").name != note.name) std::abort();
  } catch (const mallorn::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_note({data, size});
  mallorn::DeltaManifest manifest;
  manifest.base.length_bytes = 5000;
  manifest.result.length_bytes = 3ull << 30;
  constexpr uint64_t kOffset = 1000;
  try {
    const std::vector<mallorn::Step> steps =
        mallorn::steps_from_bytes({data, size}, manifest, kOffset, "input");
    if (steps.empty() || steps.size() > mallorn::kMaxChunkSteps) std::abort();
    uint64_t made = 0;
    for (const mallorn::Step& step : steps) {
      made += step.result_bytes;
      const uint64_t seen = mallorn::base_bytes_of(step, manifest.base.length_bytes);
      const uint64_t end =
          step.kind == mallorn::StepKind::literal ? 0 : step.base_offset + seen;
      if (step.result_bytes == 0 || end > manifest.base.length_bytes) std::abort();
    }
    if (made > manifest.result.length_bytes - kOffset) std::abort();
    const std::vector<uint8_t> written = mallorn::steps_to_bytes(steps);
    if (mallorn::steps_from_bytes(written, manifest, kOffset, "output") != steps)
      std::abort();
  } catch (const mallorn::Error&) {
  }
  return 0;
}
