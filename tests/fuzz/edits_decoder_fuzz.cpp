// Any bytes as codec 8: ok, or corrupt_data. Whatever decodes can be coded again, unless
// the encoder leaves it to others. Input: dtype, length of the result (u16), the base,
// which is as long, the coded bytes. The shape that the encoder is told comes from the
// first bytes of the base.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/edit_value.hpp"
#include "mallorn-apply/core/edits_decoder.hpp"
#include "mallorn-pack/edits_codec.hpp"
#include "tests/fuzz/parts.hpp"

using namespace mallorn;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto workspace = std::make_unique<apply::EditsWorkspace>();
  static const auto values = std::make_unique<ValueModel>();
  ByteReader reader(ByteView(data, size));
  const Dtype dtype{reader.u8()};
  std::vector<uint8_t> result(reader.u16());
  const ByteView base = reader.bytes(result.size());
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const Status status =
      apply::decode_edits(dtype, coded, base, workspace.get(), values.get(), result);
  if (status == Status::corrupt_data) return 0;
  EditType type;
  if (status != Status::ok || !edit_type(dtype, &type)) std::abort();

  const std::vector<uint8_t> recoded =
      pack::encode_edits(dtype, fuzz::parts_of(base, result.size(), 4), base, result);
  if (recoded.empty()) return 0;
  std::vector<uint8_t> again(result.size());
  const Status repeated =
      apply::decode_edits(dtype, recoded, base, workspace.get(), values.get(), again);
  if (repeated != Status::ok || again != result) std::abort();
  return 0;
}
