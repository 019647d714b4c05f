// RankModel: codes the factors of a LowRank (docs/format/values.md, "Ranks").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/low_rank.hpp"
#include "libcommon/core/residual_model.hpp"

namespace mallorn {

// What an encoder has found; a decoder has none to give.
struct RankFit {
  const uint32_t* units = nullptr;          // by rank
  const int16_t* column_factors = nullptr;  // [rank][column]
  const int16_t* row_factors = nullptr;     // [row][rank]
};

// A number of either sign, by a model of numbers.
template <typename Coder>
int64_t code_signed(Coder& coder, NumberModel& model, int64_t number) {
  const auto folded = zigzag(static_cast<uint64_t>(number)) & (UINT64_MAX >> 1);
  return static_cast<int64_t>(unzigzag(model.code(coder, folded)));
}

class RankModel {
 public:
  // Codes how many ranks a matrix of `elements` in `columns` columns has. False if there
  // are more than fit, or than rows or columns: decoding must end.
  template <typename Coder>
  [[nodiscard]] bool code_count(Coder& coder, uint64_t columns, uint64_t elements,
                                uint32_t* ranks) {
    const uint64_t coded = count_.code(coder, *ranks);
    *ranks = static_cast<uint32_t>(coded);
    if (coded == 0) return true;
    return coded <= kMaxRanks && coded <= columns && columns <= kMaxColumns &&
           coded * columns <= kMaxFactors && coded * columns <= elements;
  }

  // Codes the unit of shifts: an exponent from -4096 to 4096.
  template <typename Coder>
  [[nodiscard]] bool code_exponent(Coder& coder, int32_t* exponent) {
    const int64_t coded = code_signed(coder, exponent_, *exponent);
    *exponent = static_cast<int32_t>(coded);
    return coded >= -kMaxExponent && coded <= kMaxExponent;
  }

  // Codes what the ranks have for all rows. False for numbers out of bounds.
  template <typename Coder>
  [[nodiscard]] bool code_columns(Coder& home, uint32_t ranks, uint32_t columns,
                                  const RankFit& fit) {
    Held held(home);
    Coder& coder = held.coder();
    low_rank_.begin(ranks, columns);
    spread_.fill({});
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      const uint64_t unit =
          unit_.code_rarely(coder, fit.units != nullptr ? fit.units[rank] : 0);
      if (unit > kMaxRankUnit) return false;
      low_rank_.set_unit(rank, static_cast<uint32_t>(unit));
      for (uint32_t j = 0; j < columns; ++j) {
        int16_t factor = fit.column_factors != nullptr
                             ? fit.column_factors[size_t{rank} * columns + j]
                             : int16_t{0};
        if (!code_factor(coder, rank, &factor)) return false;
        low_rank_.set_column(rank, j, factor);
      }
    }
    spread_.fill({});
    return true;
  }

  // Codes what the ranks have for a row, after which shift() is that of its columns.
  template <typename Coder>
  [[nodiscard]] bool code_row(Coder& home, uint64_t row, const RankFit& fit) {
    Held held(home);
    Coder& coder = held.coder();
    const uint32_t ranks = low_rank_.ranks();
    std::array<int16_t, kMaxRanks> factors{};
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      if (fit.row_factors != nullptr) factors[rank] = fit.row_factors[row * ranks + rank];
      if (!code_factor(coder, rank, &factors[rank])) return false;
    }
    has_shifts_ = false;
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      has_shifts_ = has_shifts_ || factors[rank] != 0;
    }
    if (has_shifts_) low_rank_.begin_row(factors);
    return true;
  }

  // False if all shifts of the row are zero, as ranks leave out rows that did not change.
  bool has_shifts() const { return has_shifts_; }
  int32_t shift(uint32_t column) const { return has_shifts_ ? low_rank_.shift(column) : 0; }

 private:
  static constexpr int32_t kMaxExponent = 4096;

  template <typename Coder>
  [[gnu::always_inline]] bool code_factor(Coder& coder, uint32_t rank, int16_t* factor) {
    const int64_t coded =
        factors_.code(coder, *factor, 0, ResidualModel::kMiddle, &spread_[rank]);
    *factor = static_cast<int16_t>(coded);
    return coded >= -INT16_MAX && coded <= INT16_MAX;
  }

  NumberModel count_{};
  NumberModel exponent_{};
  NumberModel unit_{};
  ResidualModel factors_{};
  std::array<Spread, kMaxRanks> spread_{};
  LowRank low_rank_;
  bool has_shifts_ = false;
};

}  // namespace mallorn
