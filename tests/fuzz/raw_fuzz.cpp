// Any bytes, again and again until they are long enough to be looked at, as a file that
// nobody knows: runs of whole elements, in order, inside it.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "mallorn-parse/compression.hpp"
#include "mallorn-parse/element_runs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLength = 40000;
  if (size == 0) return 0;
  std::vector<uint8_t> file;
  while (file.size() < kLength) file.insert(file.end(), data, data + size);
  (void)mallorn::parse::compression_of(file);
  uint64_t end = 0;
  for (const mallorn::parse::ElementRun& run : mallorn::parse::find_element_runs(file)) {
    const uint64_t width = mallorn::dtype_layout(run.dtype).block_bytes;
    if (run.dtype == mallorn::Dtype::opaque || run.length_bytes == 0 ||
        run.length_bytes % width != 0 || run.offset_bytes < end ||
        !mallorn::range_fits(run.offset_bytes, run.length_bytes, file.size())) {
      std::abort();
    }
    end = run.offset_bytes + run.length_bytes;
  }
  return 0;
}
