// Any bytes as codec 6: ok, or corrupt_data, the same by all implementations. Whatever
// decodes can be coded again.
// Input: dtype, 1 if there is a base, length of the result (u16), the base, the coded
// bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/tokens_decoder.hpp"
#include "mallorn-apply/fast_tokens.hpp"
#include "mallorn-pack/tokens_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mallorn;
  static const auto space = std::make_unique<apply::TokensWorkspace>();
  ByteReader reader(ByteView(data, size));
  const Dtype dtype{reader.u8()};
  const bool has_base = reader.u8() == 1;
  std::vector<uint8_t> result(reader.u16());
  const ByteView base = reader.bytes(has_base ? result.size() : 0);
  if (!reader.ok()) return 0;
  const ByteView coded = reader.bytes(reader.remaining());
  const auto decode = [&](ByteView from, const apply::TokenKernels& kernels, ByteSpan to) {
    return apply::decode_tokens(dtype, from, base, kernels, space.get(), to);
  };
  const Status status = decode(coded, apply::portable_kernels(), result);
  std::vector<uint8_t> again(result.size());
  if (decode(coded, apply::fast_kernels(), again) != status) std::abort();
  if (status == Status::corrupt_data) return 0;
  if (status != Status::ok || again != result) std::abort();

  const std::vector<uint8_t> recoded = pack::encode_tokens(dtype, base, result);
  if (decode(recoded, apply::fast_kernels(), again) != Status::ok || again != result) {
    std::abort();
  }
  return 0;
}
