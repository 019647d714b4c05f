// Who wants to know how a section was coded, piece by piece: for people. What is decoded
// does not depend on it.
#pragma once

#include "libcommon/core/value_model.hpp"

namespace mallorn::apply {

class PieceWatch {
 public:
  // A piece is decoded: the section's bytes of the result are made up to `result_end`, of
  // its coded bytes `coded_left` had not been written when it was coded. Of pieces of
  // blocks only the ranks are given.
  virtual void see(const Piece& piece, size_t result_end, size_t coded_left) = 0;

 protected:
  ~PieceWatch() = default;
};

}  // namespace mallorn::apply
