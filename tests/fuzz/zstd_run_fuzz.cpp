// Any bytes as a zstd stream in pieces: the same outcome however it is cut.
// Input: length of the pieces, then the stream.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "mallorn-apply/zstd_run.hpp"

namespace {

using namespace mallorn;

constexpr size_t kMost = 1u << 22;  // a bomb would make gigabytes

struct TooMuch {};

Status decode(ByteView coded, size_t piece, std::vector<uint8_t>* result) {
  apply::ZstdRun run;
  while (!coded.empty()) {
    const ByteView view = coded.first(std::min(piece, coded.size()));
    coded = coded.subspan(view.size());
    const Status status = run.feed(view, [&](ByteView bytes) {
      if (result->size() + bytes.size() > kMost) throw TooMuch();
      result->insert(result->end(), bytes.begin(), bytes.end());
    });
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView coded = ByteView(data, size).subspan(1);
  std::vector<uint8_t> whole;
  std::vector<uint8_t> pieces;
  try {
    const Status at_once = decode(coded, SIZE_MAX, &whole);
    const Status in_pieces = decode(coded, 1 + data[0], &pieces);
    if (at_once != Status::ok && at_once != Status::corrupt_data) std::abort();
    if (at_once != in_pieces) std::abort();
    if (at_once == Status::ok && whole != pieces) std::abort();
  } catch (const TooMuch&) {
  }
  return 0;
}
