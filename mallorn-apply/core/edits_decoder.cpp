#include "mallorn-apply/core/edits_decoder.hpp"

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-apply/core/values_decoder.hpp"

namespace mallorn::apply {
namespace {

using Bits = std::array<uint8_t, kMaxChunkCoded / 8>;

uint32_t bit_at(const Bits& bits, uint64_t i) {
  return bits[static_cast<size_t>(i / 8)] >> (i % 8) & 1u;
}
void set_bit(Bits& bits, uint64_t i, uint32_t bit) {
  uint8_t& byte = bits[static_cast<size_t>(i / 8)];
  byte = static_cast<uint8_t>((i % 8 == 0 ? 0u : byte) | bit << (i % 8));
}

// The elements of a piece, from element `first` of the section on, but for others: those
// are marked, and their base is joined to what there is of `*other_bytes`.
Status decode_piece(RangeDecoder& home, const ValueType& type, const EditPiece& piece,
                    uint64_t first, ByteView base, EditsWorkspace* workspace,
                    size_t* other_bytes, ByteSpan result) {
  Held held(home);
  RangeDecoder& coder = held.coder();
  uint32_t factor = kF32One;
  if (piece.factors == FactorKind::one) factor = EditModel::code_factor(coder, 0);
  uint64_t left_of_row = 0;
  for (uint64_t i = 0; i < piece.elements; ++i) {
    if (piece.factors == FactorKind::by_row && left_of_row-- == 0) {
      factor = EditModel::code_factor(coder, 0);
      left_of_row = piece.row - 1;
    }
    const uint64_t at = first + i;
    uint64_t bits = load_edit(type, base.data() + at * type.bytes);
    if (piece.factors != FactorKind::none) bits = edit_product(type, bits, factor);
    const uint32_t above =
        piece.row != 0 && i >= piece.row ? bit_at(workspace->strange, at - piece.row) : 0;
    uint32_t is_strange = 0;
    const uint32_t edit =
        workspace->model.code_edit(coder, type, piece, bits, above, 0, &is_strange);
    set_bit(workspace->strange, at, is_strange);
    set_bit(workspace->other, at, edit == kEditOther ? 1 : 0);
    if (edit >= kFirstSpecial + piece.special_count) return Status::corrupt_data;
    if (edit == kEditOther) {
      store_edit(type, workspace->other_base.data() + *other_bytes, bits);
      *other_bytes += type.bytes;
      continue;
    }
    store_edit(type, result.data() + at * type.bytes,
               edit == kEditSame ? bits : piece.specials[edit - kFirstSpecial]);
  }
  return Status::ok;
}

}  // namespace

Status decode_edits(Dtype dtype, ByteView coded, ByteView base, EditsWorkspace* workspace,
                    ValueModel* values, ByteSpan result) {
  EditType edited;
  if (!edit_type(dtype, &edited)) return Status::corrupt_data;
  const ValueType& type = edited.type;
  if (base.size() != result.size() || result.size() % type.bytes != 0 ||
      result.size() > kMaxChunkCoded) {
    return Status::corrupt_data;
  }
  ByteReader reader(coded);
  const uint64_t length = reader.varint();
  if (!reader.ok() || length > reader.remaining()) return Status::corrupt_data;
  RangeDecoder coder(reader.bytes(static_cast<size_t>(length)));
  start_anew(&workspace->model);
  const uint64_t elements = result.size() / type.bytes;
  size_t other_bytes = 0;
  for (uint64_t at = 0; at < elements;) {
    EditPiece piece;
    if (!workspace->model.code_head(coder, type, elements - at, &piece))
      return Status::corrupt_data;
    const Status status =
        decode_piece(coder, type, piece, at, base, workspace, &other_bytes, result);
    if (status != Status::ok) return status;
    if (coder.is_exhausted()) return Status::corrupt_data;
    at += piece.elements;
  }
  if (const Status status = coder.status(); status != Status::ok) return status;
  const ByteView rest = reader.bytes(reader.remaining());
  if (other_bytes == 0) return rest.empty() ? Status::ok : Status::corrupt_data;
  const ByteSpan others = ByteSpan(workspace->other_result).first(other_bytes);
  const Status status =
      decode_values(edited.dtype, rest, ByteView(workspace->other_base).first(other_bytes),
                    values, others);
  if (status != Status::ok) return status;
  const uint8_t* next = others.data();
  for (uint64_t i = 0; i < elements; ++i) {
    if (bit_at(workspace->other, i) == 0) continue;
    memcpy(result.data() + i * type.bytes, next, type.bytes);
    next += type.bytes;
  }
  return Status::ok;
}

}  // namespace mallorn::apply
