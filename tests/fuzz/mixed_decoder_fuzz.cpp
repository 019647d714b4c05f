// Any bytes as codec 7: ok, or corrupt_data. Whatever decodes can be coded again.
// Input: dtype, length of the result (u16), length of the base (u16), the base, the coded
// bytes. The shape that the encoder is told comes from the first bytes of the base.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/mixed_decoder.hpp"
#include "mallorn-pack/mixed_codec.hpp"
#include "tests/fuzz/parts.hpp"

using namespace mallorn;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto model = std::make_unique<MixedModel>();
  ByteReader reader(ByteView(data, size));
  const Dtype dtype{reader.u8()};
  std::vector<uint8_t> result(reader.u16());
  const ByteView base = reader.bytes(reader.u16());
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const Status status = apply::decode_mixed(dtype, coded, base, model.get(), result);
  if (status == Status::corrupt_data) return 0;
  ValueType type;
  const bool may_decode =
      mixed_type(dtype, &type) && (base.empty() || base.size() == result.size());
  if (status != Status::ok || !may_decode) std::abort();

  const std::vector<uint8_t> recoded =
      pack::encode_mixed(dtype, fuzz::parts_of(base, result.size(), 1), base, result);
  std::vector<uint8_t> again(result.size());
  const Status repeated = apply::decode_mixed(dtype, recoded, base, model.get(), again);
  if (repeated != Status::ok || again != result) std::abort();
  return 0;
}
