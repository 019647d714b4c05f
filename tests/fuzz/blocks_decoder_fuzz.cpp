// Any bytes as codec 3: ok, or corrupt_data. Whatever decodes can be coded again.
// Input: dtype, plus 128 for a base of weights in binary32, length of the result (u16),
// length of the base (u16), the base, the coded bytes. The rows that the encoder is told
// come from the first bytes of the base.
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

class Numbers final : public apply::WeightSource {
 public:
  explicit Numbers(ByteView bytes) : bytes_(bytes) {}
  void read(size_t count, uint32_t* numbers) override {
    if (count > bytes_.size() / sizeof(uint32_t)) std::abort();
    for (size_t i = 0; i < count; ++i) {
      numbers[i] = load_le<uint32_t>(bytes_.data() + i * sizeof(uint32_t));
    }
    bytes_ = bytes_.subspan(count * sizeof(uint32_t));
  }

 private:
  ByteView bytes_;
};

// As many blocks as the weights are of.
void check_weights(Dtype dtype, ByteView weights, ByteView coded, BlockModel* model) {
  if (quant_grid(dtype) == nullptr || quant_grid(dtype)->start == Start::added) return;
  const DtypeLayout& layout = dtype_layout(dtype);
  const size_t blocks = weights.size() / (layout.block_elements * sizeof(uint32_t));
  std::vector<uint8_t> result(blocks * layout.block_bytes);
  Numbers numbers(weights);
  const Status status = apply::decode_blocks(dtype, coded, numbers, model, result);
  if (status == Status::corrupt_data) return;
  if (status != Status::ok) std::abort();

  const std::vector<uint8_t> recoded = pack::encode_blocks_by_weights(
      dtype, {{result.size(), {0, 2u * layout.block_elements, 1, 0, 0}}}, weights, result);
  std::vector<uint8_t> again(result.size());
  Numbers same(weights);
  const Status repeated = apply::decode_blocks(dtype, recoded, same, model, again);
  if (repeated != Status::ok || again != result) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto model = std::make_unique<BlockModel>();
  ByteReader reader(ByteView(data, size));
  const uint8_t first = reader.u8();
  const Dtype dtype{static_cast<uint8_t>(first & 127)};
  std::vector<uint8_t> result(reader.u16());
  const ByteView base = reader.bytes(reader.u16());
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  if (first >= 128) {
    check_weights(dtype, base, coded, model.get());
    return 0;
  }
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
