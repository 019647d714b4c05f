// MaskModel: codes the two index arrays of a sparse tensor as a mask, one bit for each cell
// (docs/format/mask.md). One text for encoder and decoder.
//
//   mask     0 1 0 0 1      indices   1 4 0 2     the columns of ones, row after row
//            1 0 1 0 0      segments  0 2 4       where in it each row begins, and its end
//
// Pruning leaves little order: that some rows and some columns keep more than others is all
// there is to know of a cell.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"

namespace mallorn {

constexpr uint32_t kMaxMaskColumns = 1u << 16;
constexpr uint32_t kMaxMaskNumber = 1u << 20;  // rows, ones: a chunk has no room for more
constexpr uint64_t kMaxMaskCells = 1u << 25;   // of all masks of a section: decoding ends

// A mask, and how its arrays lie in memory: one behind the other.
struct MaskShape {
  uint32_t rows = 0;
  uint32_t columns = 0;
  uint32_t ones = 0;
  bool has_segments_first = false;
  uint8_t index_bytes = 1;  // of an element: 1, 2 or 4
  uint8_t segment_bytes = 1;

  uint64_t cells() const { return uint64_t{rows} * columns; }
  uint64_t indices_length() const { return uint64_t{ones} * index_bytes; }
  uint64_t segments_length() const { return (uint64_t{rows} + 1) * segment_bytes; }

  bool operator==(const MaskShape&) const = default;
};

// True if there is such a mask, its numbers fit their elements, and it is within the limits
// above.
constexpr bool is_sound(const MaskShape& shape) {
  return shape.rows <= kMaxMaskNumber && shape.columns <= kMaxMaskColumns &&
         shape.ones <= kMaxMaskNumber && shape.ones <= shape.cells() &&
         shape.cells() <= kMaxMaskCells &&
         shape.columns <= uint64_t{1} << (8 * shape.index_bytes) &&
         shape.ones < uint64_t{1} << (8 * shape.segment_bytes);
}

class MaskModel {
 public:
  // Codes `shape`. False if a decoder has got one that is not sound.
  template <typename Coder>
  [[nodiscard]] bool code_shape(Coder& coder, MaskShape* shape) {
    shape->has_segments_first = order_.code(coder, shape->has_segments_first ? 1 : 0) != 0;
    const uint64_t rows = size_.code(coder, shape->rows);
    const uint64_t columns = size_.code(coder, shape->columns);
    const uint64_t ones = ones_.code(coder, shape->ones);
    const bool has_widths = code_width(coder, index_width_, &shape->index_bytes) &&
                            code_width(coder, segment_width_, &shape->segment_bytes);
    if (!has_widths || rows > kMaxMaskNumber || columns > kMaxMaskColumns ||
        ones > kMaxMaskNumber) {
      return false;
    }
    shape->rows = static_cast<uint32_t>(rows);
    shape->columns = static_cast<uint32_t>(columns);
    shape->ones = static_cast<uint32_t>(ones);
    return is_sound(*shape);
  }

  // Before the first cell of a mask; `shape` is sound and has cells.
  void begin_mask(const MaskShape& shape) {
    ones_left_ = shape.ones;
    cells_left_ = shape.cells();
    const uint64_t density = (uint64_t{shape.ones} << 16) / cells_left_;
    average_ = known(density < 64 ? 64 : density);
    scale_ = (uint32_t{kLevelsOfAverage} << 16) / average_.probability();
    for (uint32_t i = 0; i < shape.columns; ++i) columns_[i] = average_;
    // As if rows and columns had nothing to do with one another.
    for (uint32_t i = 0; i < kLevels; ++i) {
      for (uint32_t j = 0; j < kLevels; ++j) {
        cells_[i][j] =
            known(uint64_t{average_.probability()} * (2 * i + 1) * (2 * j + 1) / 64);
      }
    }
  }

  void begin_row() { row_ = average_; }

  // Codes the next cell of the row. What follows from the number of ones is not coded.
  template <typename Coder>
  uint32_t code_cell(Coder& coder, uint32_t column, uint32_t bit) {
    BitModel& in_column = columns_[column];
    if (ones_left_ == 0 || ones_left_ == cells_left_) {
      bit = ones_left_ == 0 ? 0 : 1;
    } else {
      bit = cells_[level(in_column)][level(row_)].code(coder, bit, kLimit);
    }
    in_column.update(bit, kLimit);
    row_.update(bit, kLimit);
    ones_left_ -= bit;
    --cells_left_;
    return bit;
  }

 private:
  static constexpr uint32_t kLevels = 16;
  static constexpr uint32_t kLevelsOfAverage = 4;  // so many up to the density of the mask
  static constexpr uint32_t kLimit = 127;
  static constexpr uint8_t kKnown = 16;  // cells that knowing the density stands for

  static BitModel known(uint64_t probability) {
    constexpr uint64_t kLeast = BitModel::kLeast;
    constexpr uint64_t kMost = 60000;
    if (probability < kLeast) probability = kLeast;
    return {static_cast<uint32_t>(probability < kMost ? probability : kMost), kKnown};
  }

  template <typename Coder>
  static bool code_width(Coder& coder, TreeModel<2>& model, uint8_t* bytes) {
    const uint32_t width = model.code(coder, *bytes / 2u);  // 1, 2, 4 as 0, 1, 2
    *bytes = static_cast<uint8_t>(1u << width);
    return width < 3;
  }

  // Densities are probabilities of bit models that code nothing themselves.
  uint32_t level(const BitModel& density) const {
    const uint32_t level = density.probability() * scale_ >> 16;
    return level < kLevels ? level : kLevels - 1;
  }

  BitModel order_;
  NumberModel size_;
  NumberModel ones_;
  TreeModel<2> index_width_;
  TreeModel<2> segment_width_;

  // Of the mask being coded.
  std::array<std::array<BitModel, kLevels>, kLevels> cells_{};  // by level of column, row
  uint64_t ones_left_ = 0;
  uint64_t cells_left_ = 0;
  uint32_t scale_ = 0;
  BitModel average_;
  BitModel row_;
  std::array<BitModel, kMaxMaskColumns> columns_{};
};

}  // namespace mallorn
