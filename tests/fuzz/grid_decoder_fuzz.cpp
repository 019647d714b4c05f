// Any bytes as codec 9: ok, or corrupt_data. Whatever decodes can be coded again, unless
// the encoder leaves it to others. Input: dtype, length of the result (u16), whether there
// is a base, the base, which is as long, the coded bytes. The shape that the encoder is
// told comes from the first bytes of the base.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/grid_decoder.hpp"
#include "mallorn-pack/grid_codec.hpp"
#include "tests/fuzz/parts.hpp"

using namespace mallorn;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto workspace = std::make_unique<apply::GridWorkspace>();
  static const auto values = std::make_unique<ValueModel>();
  ByteReader reader(ByteView(data, size));
  const Dtype dtype{reader.u8()};
  std::vector<uint8_t> result(reader.u16());
  const bool has_base = reader.u8() % 2 != 0;
  const ByteView base = has_base ? reader.bytes(result.size()) : ByteView{};
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const Status status =
      apply::decode_grid(dtype, coded, base, workspace.get(), values.get(), result);
  if (status == Status::corrupt_data) return 0;
  if (status != Status::ok || dtype != Dtype::f32) std::abort();

  const std::vector<uint8_t> recoded =
      pack::encode_grid(dtype, fuzz::parts_of(base, result.size(), 4), base, result);
  if (recoded.empty()) return 0;
  std::vector<uint8_t> again(result.size());
  const Status repeated =
      apply::decode_grid(dtype, recoded, base, workspace.get(), values.get(), again);
  if (repeated != Status::ok || again != result) std::abort();
  return 0;
}
