// Decodes codec 9, `grid` (docs/format/grid.md).
#pragma once

#include <array>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/grid_model.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/core/value_model.hpp"

namespace mallorn::apply {

constexpr size_t kMaxGridPieces = 1u << 14;

// Memory to work with, in any state.
struct GridWorkspace {
  GridWorkspace() {}  // not by default: what is not initialized is not zeroed either

  struct Piece {
    uint32_t elements;
    GridKind kind;
  };

  GridModel model;
  ShortFloats floats;
  Codebook codebook;
  std::array<Piece, kMaxGridPieces> pieces;
  std::array<uint32_t, kMaxGridLanes> largest;  // of each lane of the base
  std::array<uint32_t, kMaxGridLanes> scales;
  std::array<uint8_t, kMaxChunkCoded> inner_base;  // of elements of one kind, joined
  std::array<uint8_t, kMaxChunkCoded> inner_result;
};

// Fills `result` from `coded` and `base`, which is as long, or empty. `values`, in any
// state, is memory to work with, too. corrupt_data, and `result` partly written, if `dtype`
// is not f32, if lengths differ, or if the data is damaged.
Status decode_grid(Dtype dtype, ByteView coded, ByteView base, GridWorkspace* workspace,
                   ValueModel* values, ByteSpan result);

}  // namespace mallorn::apply
