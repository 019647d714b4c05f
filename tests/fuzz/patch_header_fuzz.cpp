// Any bytes as a patch header, as they are and with a check that is right: a Status, or a
// header that is written as it was read.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/core/patch_format.hpp"

namespace {

void check(const std::vector<uint8_t>& bytes) {
  mallorn::PatchHeader header;
  if (mallorn::read_patch_header(bytes, &header) != mallorn::Status::ok) return;
  std::vector<uint8_t> written(mallorn::kMaxPatchHeaderBytes);
  written.resize(mallorn::write_patch_header(header, written));
  if (written != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  check(bytes);
  size_t length = 0;
  if (mallorn::patch_header_length(bytes, &length) != mallorn::Status::ok) return 0;
  bytes.resize(std::min(length, bytes.size()));
  const size_t covered = bytes.size() - 4;
  mallorn::store_le(bytes.data() + covered,
                    mallorn::crc32c(0, mallorn::ByteView(bytes).first(covered)));
  check(bytes);
  return 0;
}
