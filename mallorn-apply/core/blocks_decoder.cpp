#include "mallorn-apply/core/blocks_decoder.hpp"

#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {
namespace {

// Decodes the whole blocks of `result`: calls decode_block(block's place) for each.
template <typename DecodeBlock>
Status decode_pieces(const QuantGrid& grid, size_t block_bytes, RangeDecoder& coder,
                     BlockModel* model, ByteSpan result, PieceWatch* watch,
                     DecodeBlock decode_block) {
  size_t at = 0;
  while (result.size() - at >= block_bytes) {
    BlockPiece piece;
    const uint64_t room = (result.size() - at) / block_bytes;
    if (!model->begin_piece(coder, grid, room, &piece, {})) return Status::corrupt_data;
    for (uint64_t i = 0; i < piece.blocks; ++i, at += block_bytes) {
      if (!model->begin_block(coder, grid, piece, i, {})) return Status::corrupt_data;
      if (!decode_block(at)) return Status::corrupt_data;
      if (coder.is_exhausted()) return Status::corrupt_data;
    }
    if (watch != nullptr) {
      Piece seen;
      seen.ranks = piece.ranks;
      watch->see(seen, at, coder.left());
    }
  }
  return Status::ok;
}

}  // namespace

Status decode_blocks(Dtype dtype, ByteView coded, ByteView base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch) {
  const QuantGrid* grid = quant_grid(dtype);
  if (grid == nullptr || base.size() != result.size()) return Status::corrupt_data;
  const QuantPlaces places(dtype);
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  start_anew(model);
  RangeDecoder coder(coded);
  QuantBlock from;
  QuantBlock block;
  const auto decode_block = [&](size_t at) {
    if (model->code_equal(coder, false)) {
      memcpy(result.data() + at, base.data() + at, block_bytes);
      return true;
    }
    places.read(base.data() + at, &from);
    if (!model->code(coder, *grid, from, false, &block)) return false;
    places.write(block, result.data() + at);
    return true;
  };
  const Status status =
      decode_pieces(*grid, block_bytes, coder, model, result, watch, decode_block);
  if (status != Status::ok) return status;
  size_t at = result.size() / block_bytes * block_bytes;
  for (; at < result.size(); ++at) result[at] = model->code_byte(coder, 0, base[at]);
  return coder.status();
}

Status decode_blocks(Dtype dtype, ByteView coded, WeightSource& base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch) {
  const QuantGrid* grid = quant_grid(dtype);
  const DtypeLayout& layout = dtype_layout(dtype);
  if (grid == nullptr || result.size() % layout.block_bytes != 0)
    return Status::corrupt_data;
  const QuantPlaces places(dtype);
  start_anew(model);
  RangeDecoder coder(coded);
  std::array<uint32_t, kMaxBlockCodes> numbers;
  Weights weights;
  QuantBlock block;
  const auto decode_block = [&](size_t at) {
    base.read(layout.block_elements, numbers.data());
    for (size_t i = 0; i < layout.block_elements; ++i) weights[i] = weight_of(numbers[i]);
    if (!model->code(coder, *grid, weights, &block)) return false;
    places.write(block, result.data() + at);
    return true;
  };
  const Status status =
      decode_pieces(*grid, layout.block_bytes, coder, model, result, watch, decode_block);
  return status == Status::ok ? coder.status() : status;
}

}  // namespace mallorn::apply
