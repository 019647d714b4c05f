// Any bytes as a manifest: an Error, or a manifest that tiles its file and is written as it
// reads.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "libcommon/error.hpp"
#include "libcommon/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  try {
    const mallorn::Manifest manifest = mallorn::manifest_from_json(text, "input");
    uint64_t end = 0;
    for (const mallorn::Range& range : manifest.ranges) {
      if (range.offset_bytes != end || range.length_bytes == 0) std::abort();
      end += range.length_bytes;
    }
    if (end != manifest.length_bytes) std::abort();
    const std::string written = mallorn::manifest_to_json(manifest);
    const mallorn::Manifest again = mallorn::manifest_from_json(written, "output");
    if (mallorn::manifest_to_json(again) != written) std::abort();
  } catch (const mallorn::Error&) {
  }
  return 0;
}
