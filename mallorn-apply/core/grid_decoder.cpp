#include "mallorn-apply/core/grid_decoder.hpp"

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-apply/core/values_decoder.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kBytes = sizeof(uint32_t);  // of an element

class GridDecoder {
 public:
  GridDecoder(ByteView base, GridWorkspace* workspace, ValueModel* values, ByteSpan result)
      : base_(base), space_(*workspace), values_(values), result_(result) {}

  // The points, and which elements are to come.
  Status decode_pieces(ByteView coded) {
    RangeDecoder coder(coded);
    const uint64_t elements = result_.size() / kBytes;
    for (uint64_t at = 0; at < elements;) {
      GridPiece piece;
      if (count_ == kMaxGridPieces ||
          !space_.model.code_head(coder, !base_.empty(), elements - at, &piece,
                                  &space_.floats, &space_.codebook) ||
          !decode_points(coder, piece, static_cast<size_t>(at) * kBytes) ||
          coder.is_exhausted()) {
        return Status::corrupt_data;
      }
      space_.pieces[count_++] = {static_cast<uint32_t>(piece.elements), piece.kind};
      at += piece.elements;
    }
    return coder.status();
  }

  // Elements of `kind`, which are a section of codec 4.
  Status decode_values_of(GridKind kind, ByteView coded) {
    const ShortFloats* floats = kind == GridKind::short_ones ? &space_.floats : nullptr;
    ValueType type = value_type_of(Dtype::f32);
    uint64_t elements = 0;
    for (size_t i = 0; i < count_; ++i)
      elements += space_.pieces[i].kind == kind ? space_.pieces[i].elements : 0;
    if (elements == 0) return coded.empty() ? Status::ok : Status::corrupt_data;
    if (floats != nullptr) (void)short_type(*floats, &type);  // has been checked
    const auto length = static_cast<size_t>(elements) * type.bytes;
    const ByteSpan inner_base = ByteSpan(space_.inner_base).first(length);
    const ByteSpan inner_result = ByteSpan(space_.inner_result).first(length);
    size_t inner = 0;
    if (!base_.empty()) {
      for_each_of(kind, [&](size_t at) {
        const auto bits = load_le<uint32_t>(base_.data() + at);
        store_bits(type, inner_base.data() + inner,
                   floats != nullptr ? shortened(*floats, bits) : bits);
        inner += type.bytes;
      });
    }
    const Status status = mallorn::apply::decode_values(
        type, coded, base_.empty() ? ByteView{} : ByteView(inner_base), values_,
        inner_result);
    if (status != Status::ok) return status;
    inner = 0;
    for_each_of(kind, [&](size_t at) {
      const auto bits = static_cast<uint32_t>(load_bits(type, inner_result.data() + inner));
      store_le(result_.data() + at, floats != nullptr ? lengthened(*floats, bits) : bits);
      inner += type.bytes;
    });
    return Status::ok;
  }

 private:
  // Of a piece that begins at byte `at`.
  bool decode_points(RangeDecoder& coder, const GridPiece& piece, size_t at) {
    const uint8_t* base = base_.empty() ? nullptr : base_.data() + at;
    const auto none = [](uint64_t) { return GridCode{}; };
    const auto made = [to = result_.data() + at](uint64_t i, uint32_t bits) {
      store_le(to + i * kBytes, bits);
    };
    if (piece.kind == GridKind::codebook)
      return space_.model.code_indices(coder, piece, space_.codebook, base, none, made);
    if (piece.kind != GridKind::scaled) return true;
    if (piece.divisor != 0) largest_of_lanes(piece, base, space_.largest.data());
    uint32_t scale = 0;
    for (uint32_t lane = 0; lane < piece.lanes; ++lane) {
      const uint32_t largest = piece.divisor != 0 ? space_.largest[lane] : 0;
      const uint32_t expected = expected_scale(piece, largest, scale);
      scale = space_.model.code_scale(coder, expected, 0);
      space_.scales[lane] = scale;
    }
    return space_.model.code_scaled(coder, piece, space_.scales.data(), base, none, made);
  }

  // Calls visit(where it begins) for each element of pieces of a kind.
  template <typename Visit>
  void for_each_of(GridKind kind, const Visit& visit) const {
    size_t at = 0;
    for (size_t i = 0; i < count_; ++i) {
      const GridWorkspace::Piece& piece = space_.pieces[i];
      const size_t end = at + piece.elements * kBytes;
      if (piece.kind == kind) {
        for (size_t element = at; element < end; element += kBytes) visit(element);
      }
      at = end;
    }
  }

  ByteView base_;
  GridWorkspace& space_;
  ValueModel* values_;
  ByteSpan result_;
  size_t count_ = 0;  // of pieces
};

}  // namespace

Status decode_grid(Dtype dtype, ByteView coded, ByteView base, GridWorkspace* workspace,
                   ValueModel* values, ByteSpan result) {
  const bool has_base = !base.empty();
  if (dtype != Dtype::f32 || (has_base && base.size() != result.size()) ||
      result.size() % kBytes != 0 || result.size() > kMaxChunkCoded) {
    return Status::corrupt_data;
  }
  ByteReader reader(coded);
  const uint64_t points = reader.varint();
  const uint64_t short_ones = reader.varint();
  if (!reader.ok() || points > reader.remaining() ||
      short_ones > reader.remaining() - points) {
    return Status::corrupt_data;
  }
  start_anew(&workspace->model);
  workspace->floats = {};
  workspace->codebook.clear();
  GridDecoder decoder(base, workspace, values, result);
  Status status = decoder.decode_pieces(reader.bytes(static_cast<size_t>(points)));
  if (status != Status::ok) return status;
  status = decoder.decode_values_of(GridKind::short_ones,
                                    reader.bytes(static_cast<size_t>(short_ones)));
  if (status != Status::ok) return status;
  return decoder.decode_values_of(GridKind::none, reader.bytes(reader.remaining()));
}

}  // namespace mallorn::apply
