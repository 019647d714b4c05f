// What symbols stand for where a float moves (docs/format/values.md, "Moves"): for none, or
// for a range of magnitudes, the finer the smaller they are.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/symbol_model.hpp"

namespace mallorn {

struct MoveCell {
  uint16_t least;  // magnitude
  uint16_t bits;   // as they are, that tell which one, and the sign
  int16_t length;  // bits of the magnitude in the middle, in 1024ths; 0: no move
  int16_t unused;
};

inline constexpr uint32_t kLongMove = SymbolModel::kSymbols - 1;  // beyond all cells
inline constexpr uint32_t kMostEven = 5;

// Magnitudes less one are cut off by as many bits as are `even`. What is left is coded
// itself up to 7, by pairs up to 15, by fours up to 23.
constexpr uint32_t kMoveNumbers = 24;

constexpr uint32_t move_symbol(uint64_t magnitude, uint32_t even) {
  if (magnitude == 0) return 0;
  const uint64_t number = (magnitude - 1) >> even;
  if (number >= kMoveNumbers) return kLongMove;
  return static_cast<uint32_t>(number < 8    ? 1 + number
                               : number < 16 ? 5 + number / 2
                                             : 9 + number / 4);
}

constexpr uint32_t least_long_move(uint32_t even) { return (kMoveNumbers << even) + 1; }

constexpr MoveCell move_cell(uint32_t symbol, uint32_t even) {
  if (symbol == 0) return {0, 0, 0, 0};
  if (symbol == kLongMove) return {0, 1, 0, 0};  // all that follows is a number
  const uint32_t left = symbol < 9 ? 0 : symbol < 13 ? 1 : 2;
  const uint32_t number = left == 0   ? symbol - 1
                          : left == 1 ? 2 * (symbol - 5)
                                      : 4 * (symbol - 9);
  const uint32_t least = (number << even) + 1;
  const uint32_t bits = left + even;
  const auto middle_bits = std::bit_width(least + (1u << bits >> 1));
  return {static_cast<uint16_t>(least), static_cast<uint16_t>(bits + 1),
          static_cast<int16_t>(1024 * middle_bits), 0};
}

using MoveCells = std::array<std::array<MoveCell, SymbolModel::kSymbols>, kMostEven + 1>;

constexpr MoveCells make_move_cells() {
  MoveCells cells{};
  for (uint32_t even = 0; even <= kMostEven; ++even) {
    for (uint32_t symbol = 0; symbol < SymbolModel::kSymbols; ++symbol) {
      cells[even][symbol] = move_cell(symbol, even);
    }
  }
  return cells;
}
inline constexpr MoveCells kMoveCells = make_move_cells();

}  // namespace mallorn
