// What a section of numbers is cut into (docs/format/values.md, "Pieces").
#pragma once

#include <cstdint>

namespace mallorn {

enum class PieceMethod : uint8_t {
  direct = 0,     // elements on their own
  sparse = 1,     // the same for codes, where zeros come in runs
  predicted = 2,  // from the base
  bytes = 3,      // what fills no element: bytes as they are
};

enum class GainAxis : uint8_t { none = 0, row = 1, column = 2 };

// What is coded of a piece before its rows.
struct Piece {
  uint64_t elements = 0;  // bytes, for method bytes
  PieceMethod method = PieceMethod::direct;
  // Codes only: what stands for zero, in the base and in the result.
  int32_t base_zero = 0;
  int32_t result_zero = 0;
  uint32_t greatest = 0;  // exponent; direct floats only
  // Predicted only:
  uint32_t columns = 1;  // of the matrix; its last row may be shorter
  GainAxis axis = GainAxis::none;
  uint32_t ranks = 0;
  int32_t exponent = 0;  // floats with ranks: the unit of shifts, as in guess_float()
};

}  // namespace mallorn
