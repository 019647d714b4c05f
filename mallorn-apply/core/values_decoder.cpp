#include "mallorn-apply/core/values_decoder.hpp"

#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {

Status decode_values(Dtype dtype, ByteView coded, ByteView base, ValueModel* model,
                     ByteSpan result, PieceWatch* watch) {
  ValueType type;
  if (!value_type(dtype, &type) && !half_type(dtype, &type)) return Status::corrupt_data;
  return decode_values(type, coded, base, model, result, watch);
}

Status decode_values(const ValueType& type, ByteView coded, ByteView base,
                     ValueModel* model, ByteSpan result, PieceWatch* watch) {
  const bool has_base = !base.empty();
  if (has_base && base.size() != result.size()) return Status::corrupt_data;
  start_anew(model);
  RangeDecoder coder(coded);
  size_t at = 0;
  while (at < result.size()) {
    Piece piece;
    if (!model->code_head(coder, type, has_base, result.size() - at, &piece) ||
        !model->code(coder, type, piece, {}, has_base ? base.data() + at : nullptr,
                     result.data() + at) ||
        coder.is_exhausted()) {
      return Status::corrupt_data;
    }
    at += static_cast<size_t>(piece.method == PieceMethod::bytes
                                  ? piece.elements
                                  : bytes_of(type, piece.elements));
    if (watch != nullptr) watch->see(piece, at, coder.left());
  }
  return coder.status();
}

}  // namespace mallorn::apply
