#include "mallorn-apply/core/blocks_decoder.hpp"

#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {

Status decode_blocks(Dtype dtype, ByteView coded, ByteView base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch) {
  const QuantGrid* grid = quant_grid(dtype);
  if (grid == nullptr || base.size() != result.size()) return Status::corrupt_data;
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  start_anew(model);
  RangeDecoder coder(coded);
  QuantBlock from;
  QuantBlock block;
  size_t at = 0;
  while (result.size() - at >= block_bytes) {
    BlockPiece piece;
    const uint64_t room = (result.size() - at) / block_bytes;
    if (!model->begin_piece(coder, *grid, room, &piece, {})) return Status::corrupt_data;
    for (uint64_t i = 0; i < piece.blocks; ++i, at += block_bytes) {
      if (!model->begin_block(coder, *grid, piece, i, {})) return Status::corrupt_data;
      if (model->code_equal(coder, false)) {
        memcpy(result.data() + at, base.data() + at, block_bytes);
      } else {
        read_quant_block(dtype, base.data() + at, &from);
        if (!model->code(coder, *grid, from, false, &block)) return Status::corrupt_data;
        write_quant_block(dtype, block, result.data() + at);
      }
      if (coder.is_exhausted()) return Status::corrupt_data;
    }
    if (watch != nullptr) {
      Piece seen;
      seen.ranks = piece.ranks;
      watch->see(seen, at, coder.left());
    }
  }
  for (; at < result.size(); ++at) result[at] = model->code_byte(coder, 0, base[at]);
  return coder.status();
}

}  // namespace mallorn::apply
