// Any bytes as a stream, of either kind: an Error, or frames that end with an end frame.
#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "libcommon/stream.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

void read_all(int fd, mallorn::StreamKind kind) {
  mallorn::StreamReader stream(fd, "input", kind);
  (void)stream.read_manifest();
  for (;;) {
    const mallorn::Frame& frame = stream.next();
    if (frame.payload.size() > mallorn::kMaxFramePayload) std::abort();
    if (frame.type == mallorn::FrameType::end) break;
  }
  stream.expect_end_of_input();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const mallorn::StreamKind kind :
       {mallorn::StreamKind::model, mallorn::StreamKind::delta}) {
    const mallorn::Fd file = mallorn::fuzz::file_of({data, size});
    try {
      read_all(file.get(), kind);
    } catch (const mallorn::Error&) {
    }
  }
  return 0;
}
