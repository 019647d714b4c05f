// Any bytes as a state file: an Error, or releases that are written and read again as they
// are, and that go up alone.
#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "libcommon/release_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mallorn;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    ReleaseState state = ReleaseState::parse(text, "input");
    const std::string written = state.text();
    if (ReleaseState::parse(written, "again").text() != written) std::abort();
    const ByteView id(data, size % 65);
    const uint32_t before = state.release_of(id);
    if (state.raise(id, before) || (before < 9 && !state.raise(id, 9))) std::abort();
    if (ReleaseState::parse(state.text(), "again").release_of(id) < before) std::abort();
  } catch (const Error& error) {
    if (error.status() != Status::malformed) std::abort();
  }
  return 0;
}
