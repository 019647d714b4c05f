// Any bytes as codec 2: ok, or corrupt_data. Whatever decodes can be coded again.
// Input: dtype, a flag for the base, length of the result (u16), the base, the coded bytes.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/planes_decoder.hpp"
#include "mallorn-pack/planes_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mallorn::ByteReader reader(mallorn::ByteView(data, size));
  const mallorn::Dtype dtype{reader.u8()};
  const bool has_base = (reader.u8() & 1) != 0;
  std::vector<uint8_t> result(reader.u16());
  const mallorn::ByteView base =
      has_base ? reader.bytes(result.size()) : mallorn::ByteView();
  if (!reader.ok()) return 0;
  const mallorn::ByteView coded = reader.bytes(reader.remaining());
  const mallorn::Status status = mallorn::apply::decode_planes(dtype, coded, base, result);
  if (status == mallorn::Status::corrupt_data) return 0;
  if (status != mallorn::Status::ok) std::abort();

  const std::vector<uint8_t> recoded = mallorn::pack::encode_planes(dtype, base, result, 3);
  if (recoded.size() > result.size() + mallorn::pack::kPlanesGrowth) std::abort();
  std::vector<uint8_t> again(result.size());
  const mallorn::Status repeated =
      mallorn::apply::decode_planes(dtype, recoded, base, again);
  if (repeated != mallorn::Status::ok || again != result) std::abort();
  return 0;
}
