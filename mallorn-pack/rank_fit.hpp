// Finds the few ranks that training has added to a matrix (docs/format/values.md, "Ranks").
//
// Floating point is used, but for sums, products, quotients and square roots alone, in a
// fixed order: what is found is the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcommon/core/rank_model.hpp"

namespace mallorn::pack {

// What a matrix has become, less what is predicted of that without ranks.
struct Update {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<float> values;  // row by row
  double floor = 0;  // of the mean square: what rounding adds, which no rank explains
};

struct FittedRanks {
  int64_t saved = 0;     // estimated, in 1/1024 bit
  int32_t exponent = 0;  // shifts are in units of 2 to this power
  std::vector<uint32_t> units;
  std::vector<int16_t> column_factors;
  std::vector<int16_t> row_factors;

  RankFit view() const { return {units.data(), column_factors.data(), row_factors.data()}; }
};

// Ranks, the strongest first, as long as they save more than they cost; none if that is
// so. Rows from update.rows to `all_rows` get factors of 0. `exponent` is chosen so that
// shifts fit in 32 bits, unless it is given.
FittedRanks find_ranks(Update update, size_t all_rows, std::optional<int32_t> exponent);

}  // namespace mallorn::pack
