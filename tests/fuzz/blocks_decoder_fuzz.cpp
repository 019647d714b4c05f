// Any bytes as codec 3: ok, or corrupt_data. Whatever decodes can be coded again.
// Input: dtype, length of the result (u16), length of the base (u16), the base, the coded
// bytes. The rows that the encoder is told come from the first bytes of the base.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/blocks_decoder.hpp"
#include "mallorn-pack/blocks_codec.hpp"

namespace {

using namespace mallorn;

// In two parts, the first of which may end within a block.
std::vector<pack::SectionPart> parts_of(Dtype dtype, ByteView base) {
  if (base.size() < 3) return {{base.size(), {}}};
  const uint64_t columns = dtype_layout(dtype).block_elements * (base[0] % 8ull);
  const size_t first = base.size() * base[2] / 255;
  return {{first, {32ull * base[1], columns, columns, 0, 0}}, {base.size() - first, {}}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto model = std::make_unique<BlockModel>();
  ByteReader reader(ByteView(data, size));
  const Dtype dtype{reader.u8()};
  std::vector<uint8_t> result(reader.u16());
  const ByteView base = reader.bytes(reader.u16());
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const Status status = apply::decode_blocks(dtype, coded, base, model.get(), result);
  if (status == Status::corrupt_data) return 0;
  if (status != Status::ok || quant_grid(dtype) == nullptr ||
      base.size() != result.size()) {
    std::abort();
  }

  const std::vector<uint8_t> recoded =
      pack::encode_blocks(dtype, parts_of(dtype, base), base, result);
  std::vector<uint8_t> again(result.size());
  const Status repeated = apply::decode_blocks(dtype, recoded, base, model.get(), again);
  if (repeated != Status::ok || again != result) std::abort();
  return 0;
}
