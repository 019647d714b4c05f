// Any bytes as codec 1: ok, or corrupt_data, and the length of the result is obeyed.
// Whatever decodes can be coded again.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-apply/zstd_decoder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mallorn::ByteReader reader(mallorn::ByteView(data, size));
  std::vector<uint8_t> result(reader.u16());
  const mallorn::ByteView coded = reader.bytes(reader.remaining());
  const mallorn::Status status = mallorn::apply::decode_zstd(coded, result);
  if (status == mallorn::Status::corrupt_data) return 0;
  if (status != mallorn::Status::ok) std::abort();
  std::vector<uint8_t> again(result.size());
  const std::vector<uint8_t> recoded = mallorn::encode_zstd(result, 3);
  if (mallorn::apply::decode_zstd(recoded, again) != mallorn::Status::ok) std::abort();
  if (again != result) std::abort();
  return 0;
}
