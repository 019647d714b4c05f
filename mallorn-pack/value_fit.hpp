// Finds how a matrix of the base becomes that of the result: gains of its rows or columns,
// and the few ranks that training added (docs/format/values.md, "Prediction").
//
// Floating point is used, but for sums, products, quotients and square roots alone, in a
// fixed order: what is found is the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/value_model.hpp"
#include "mallorn-pack/rank_fit.hpp"

namespace mallorn::pack {

// The elements of a piece, row by row; the last row may be shorter.
struct MatrixPair {
  std::vector<double> base;
  std::vector<double> result;
  std::vector<double> unit;  // what a residual of 1 stands for, by element
};

struct FittedPiece {
  Piece piece;
  std::vector<int32_t> gains;
  FittedRanks ranks;

  PieceFit view() const { return {gains.data(), ranks.view()}; }
};

// The elements of a matrix as numbers; `piece` says what stands for zero. Infinities and
// NaN become 0.
MatrixPair load_matrices(const ValueType& type, const Piece& piece, ByteView base,
                         ByteView result);

// Adds to `fitted`, whose piece says elements and columns, the gains of `axis`. Returns
// what that is estimated to save, in 1/1024 bit: above 0, or nothing was added.
int64_t fit_gains(const ValueType& type, const MatrixPair& matrices, GainAxis axis,
                  FittedPiece* fitted);

// Adds ranks on top of the gains, as long as they save more than they cost.
void fit_ranks(const ValueType& type, const MatrixPair& matrices, FittedPiece* fitted);

}  // namespace mallorn::pack
