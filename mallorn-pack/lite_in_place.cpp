#include "mallorn-pack/lite_in_place.hpp"

#include <algorithm>

namespace mallorn::pack {
namespace {

// Of the places in the base that a piece may be coded from, the one that is the farthest
// before it, counted from where the piece begins.
uint32_t bytes_behind(const LitePiece& piece) {
  uint32_t behind = 0;
  if (piece.has_base && !piece.is_own && piece.base_offset < piece.begin) {
    behind = piece.begin - piece.base_offset;
  }
  if (piece.has_source_in_base && piece.source < piece.begin) {
    behind = std::max(behind, piece.begin - piece.source);
  }
  return behind;
}

// What is left without the base.
LitePiece on_its_own(LitePiece piece) {
  piece.has_base = false;
  piece.has_source_in_base = false;
  if (piece.content == LiteContent::derived) {
    piece.content = LiteContent::elements;
    piece.type = LiteType::f32;
  } else if (piece.content != LiteContent::elements) {
    piece.content = LiteContent::literal;
  }
  return piece;
}

// A piece that reads behind: of its part in each block, the first bytes stand alone, and so
// does an element that reaches into the next block.
void cut_by_blocks(LitePiece piece, uint32_t late, uint32_t block_bytes,
                   std::vector<LitePiece>* pieces) {
  const uint32_t unit = lite_unit(piece);
  while (piece.length > 0) {
    const uint32_t past = piece.begin & (block_bytes - 1);
    const uint32_t whole = (block_bytes - past) / unit * unit;
    if (past >= late && whole > 0) {
      pieces->push_back(split_off(&piece, std::min(whole, piece.length)));
      continue;
    }
    const uint32_t left = past < late ? late - past : 1;
    const uint32_t alone = (left + unit - 1) / unit * unit;
    pieces->push_back(on_its_own(split_off(&piece, std::min(alone, piece.length))));
  }
}

}  // namespace

uint32_t bytes_too_late(const LitePiece& piece, const InPlace& in_place) {
  if (in_place.block_bytes == 0) return 0;
  const uint32_t behind = bytes_behind(piece);
  return behind > in_place.lag_bytes ? behind - in_place.lag_bytes : 0;
}

std::vector<LitePiece> keep_in_place(const std::vector<LitePiece>& pieces,
                                     const InPlace& in_place) {
  std::vector<LitePiece> kept;
  for (const LitePiece& piece : pieces) {
    const uint32_t late = bytes_too_late(piece, in_place);
    if (late >= in_place.block_bytes) {
      kept.push_back(on_its_own(piece));
    } else if (late > 0) {
      cut_by_blocks(piece, late, in_place.block_bytes, &kept);
    } else {
      kept.push_back(piece);
    }
  }
  return kept;
}

uint32_t lag_of(const std::vector<LitePiece>& pieces, uint32_t block_bytes) {
  uint32_t lag = 0;
  for (const LitePiece& piece : pieces) {
    const uint32_t behind = bytes_behind(piece);
    // Within a block its bytes are read as late as they are made.
    const uint32_t past = piece.begin & (block_bytes - 1);
    const bool is_in_one = past + piece.length <= block_bytes;
    const uint32_t left = is_in_one ? behind - std::min(behind, past) : behind;
    lag = std::max(lag, (left + block_bytes - 1) / block_bytes);
  }
  return lag;
}

}  // namespace mallorn::pack
