// Any bytes as the small JSON texts of streams: an Error, or a value that is written as it
// reads.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libcommon/delta_stream.hpp"
#include "libcommon/error.hpp"
#include "libcommon/stream.hpp"
#include "libcommon/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  try {
    const mallorn::Trailer trailer = mallorn::trailer_from_json(text, "input");
    const std::string written = mallorn::trailer_to_json(trailer);
    const mallorn::Trailer again = mallorn::trailer_from_json(written, "output");
    if (again.length_bytes != trailer.length_bytes || again.digest != trailer.digest)
      std::abort();
  } catch (const mallorn::Error&) {
  }
  try {
    const mallorn::DeltaManifest manifest =
        mallorn::delta_manifest_from_json(text, "input");
    const std::string written = mallorn::delta_manifest_to_json(manifest);
    const mallorn::DeltaManifest again =
        mallorn::delta_manifest_from_json(written, "output");
    if (mallorn::delta_manifest_to_json(again) != written) std::abort();
    (void)mallorn::decode_path(manifest.base.path, "input");
  } catch (const mallorn::Error&) {
  }
  return 0;
}
