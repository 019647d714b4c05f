// Any bytes as codec 3: ok, or corrupt_data. Whatever decodes can be coded again.
// Input: dtype, length of the result (u16), length of the base (u16), the base, the coded
// bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/blocks_decoder.hpp"
#include "mallorn-pack/blocks_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mallorn::Status;
  static const auto model = std::make_unique<mallorn::BlockModel>();
  mallorn::ByteReader reader(mallorn::ByteView(data, size));
  const mallorn::Dtype dtype{reader.u8()};
  std::vector<uint8_t> result(reader.u16());
  const mallorn::ByteView base = reader.bytes(reader.u16());
  if (!reader.ok()) return 0;
  const mallorn::ByteView coded = reader.bytes(reader.remaining());
  const Status status =
      mallorn::apply::decode_blocks(dtype, coded, base, model.get(), result);
  if (status == Status::corrupt_data) return 0;
  if (status != Status::ok || mallorn::quant_grid(dtype) == nullptr ||
      base.size() != result.size()) {
    std::abort();
  }

  const std::vector<uint8_t> recoded = mallorn::pack::encode_blocks(dtype, base, result);
  std::vector<uint8_t> again(result.size());
  const Status repeated =
      mallorn::apply::decode_blocks(dtype, recoded, base, model.get(), again);
  if (repeated != Status::ok || again != result) std::abort();
  return 0;
}
