// A target that crashes on purpose, for the test of the replay driver.
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (std::string_view(reinterpret_cast<const char*>(data), size) == "crash") std::abort();
  return 0;
}
