// A target that reads what nobody has written, to show that MemorySanitizer looks.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t size) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[8]);
  if (bytes[size % 8] == 1) std::exit(2);  // the branch is what must be noticed
  return 0;
}
