// Finds the grid that the floats of an array lie on, if they do (docs/format/grid.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/core/grid_model.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

// Codes stand for nothing else than what they are: floats come back bit by bit.
struct GridFit {
  GridPiece piece;  // with all but is_alone
  Codebook codebook;
  std::vector<uint32_t> scales;  // by lane
  std::vector<GridCode> codes;   // by element
};

// Of f32: multiples of a scale, one for all of them or for each row or column, or few
// values. Nothing if they are not, or if that is not worth what it takes to say.
// `base` is as long, or empty.
std::optional<GridFit> fit_grid(const TensorPlace& place, ByteView base, ByteView result);

// Short floats that arrays of f32 may be: of each so many bytes are.
class ShortFit {
 public:
  void add(ByteView result);
  // Those that most are; nothing if none are, with eight bits left out.
  std::optional<ShortFloats> most() const;

 private:
  std::array<uint64_t, kMostShort + 1> bytes_{};
};

bool are_short(const ShortFloats& floats, ByteView result);

// How the base has been rounded, if it has.
Rounding rounding_of(const ShortFloats& floats, ByteView base, ByteView result);

}  // namespace mallorn::pack
