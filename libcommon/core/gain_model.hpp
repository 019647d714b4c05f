// GainModel: codes what the numbers of rows or columns are multiplied with
// (docs/format/values.md, "Prediction").
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/low_rank.hpp"
#include "libcommon/core/rank_model.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

class GainModel {
 public:
  GainModel() {}  // not by default: what is not initialized below is not zeroed either

  // Before a piece.
  void begin(const ValueType& type) {
    last_ = row_ = type.gain_one();
    kind_ = 0;
  }

  // Codes the gains of all columns, at most kMaxColumns. `given` are those that an encoder
  // has found, else null. False if a decoder has got what no encoder writes.
  template <typename Coder>
  [[nodiscard]] bool code_columns(Coder& coder, const ValueType& type, uint32_t columns,
                                  const int32_t* given) {
    for (uint32_t j = 0; j < columns; ++j) {
      if (!code(coder, type, given != nullptr ? given[j] : 0, &columns_[j])) return false;
    }
    return true;
  }

  // The same for the gain of one row.
  template <typename Coder>
  [[nodiscard]] bool code_row(Coder& coder, const ValueType& type, uint64_t row,
                              const int32_t* given) {
    return code(coder, type, given != nullptr ? given[row] : 0, &row_);
  }

  int32_t of_row() const { return row_; }
  int32_t of_column(uint32_t column) const { return columns_[column]; }

 private:
  // A gain: none, that of the last lane that had another, or another.
  template <typename Coder>
  bool code(Coder& coder, const ValueType& type, int32_t given, int32_t* gain) {
    const int32_t one = type.gain_one();
    const uint32_t kind = given == one ? 0 : given == last_ ? 1 : 2;
    kind_ = kinds_[kind_].code(coder, kind);
    if (kind_ > 2) return false;
    if (kind_ == 2) {
      const int64_t coded = one + code_signed(coder, number_, int64_t{given} - one);
      if (coded == 0 || coded < -type.max_gain() || coded > type.max_gain()) return false;
      last_ = static_cast<int32_t>(coded);
    }
    *gain = kind_ == 0 ? one : last_;
    return true;
  }

  std::array<TreeModel<2>, 3> kinds_{};
  uint32_t kind_ = 0;
  int32_t last_ = 0;
  NumberModel number_{};
  int32_t row_ = 0;
  std::array<int32_t, kMaxColumns> columns_;  // written when a piece begins
};

}  // namespace mallorn
