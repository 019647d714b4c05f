#include "mallorn-apply/core/mixed_decoder.hpp"

#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {

Status decode_mixed(Dtype dtype, ByteView coded, ByteView base, MixedModel* model,
                    ByteSpan result) {
  ValueType type;
  if (!mixed_type(dtype, &type)) return Status::corrupt_data;
  const bool has_base = !base.empty();
  if (has_base && base.size() != result.size()) return Status::corrupt_data;
  start_anew(model);
  RangeDecoder coder(coded);
  size_t at = 0;
  while (at < result.size()) {
    MixedPiece piece;
    if (!model->code_head(coder, type, has_base, result.size() - at, &piece))
      return Status::corrupt_data;
    model->begin_piece(type, piece);
    // An element costs a microsecond: no megabyte of them for a record of a few bytes.
    const uint8_t* const from = has_base ? base.data() + at : nullptr;
    for (uint64_t i = 0; i < piece.elements; ++i) {
      model->code_element(coder, type, piece, i, from, result.data() + at);
      if (coder.is_exhausted()) return Status::corrupt_data;
    }
    at += static_cast<size_t>(piece.bytes(type));
  }
  return coder.status();
}

}  // namespace mallorn::apply
