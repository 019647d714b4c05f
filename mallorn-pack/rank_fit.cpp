#include "mallorn-pack/rank_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "mallorn-pack/floating.hpp"

namespace mallorn::pack {
namespace {

// In sixteen sums, which a compiler may keep side by side.
float dot(const float* a, const float* b, size_t count) {
  constexpr size_t kSums = 16;
  std::array<float, kSums> sums{};
  size_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (size_t k = 0; k < kSums; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  for (size_t k = kSums / 2; k > 0; k /= 2) {
    for (size_t j = 0; j < k; ++j) sums[j] += sums[j + k];
  }
  return sums[0];
}

double square_sum(const std::vector<float>& values) {
  constexpr size_t kRun = 1024;  // summed in double from run to run
  double sum = 0;
  for (size_t i = 0; i < values.size(); i += kRun) {
    sum += dot(&values[i], &values[i], std::min(kRun, values.size() - i));
  }
  return sum;
}

void add_scaled(float* to, const float* from, float by, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] += by * from[i];
}

// The direction in which the rows of a matrix are longest, of length 1, and along it the
// rows themselves, by power iteration.
struct Direction {
  std::vector<float> column;  // by column
  std::vector<float> row;     // by row
  double strength = 0;        // length of `row`
};

Direction strongest(const Update& update) {
  constexpr int kIterations = 20;
  constexpr double kProgress = 1.003;
  Direction found;
  found.column.resize(update.columns);
  found.row.resize(update.rows);
  uint32_t noise = 1;
  for (float& value : found.column) {
    noise = noise * 1664525 + 1013904223;
    value = static_cast<float>(noise >> 16) - 32768;
  }
  for (int i = 0; i < kIterations; ++i) {
    const auto length = static_cast<float>(std::sqrt(square_sum(found.column)));
    if (length == 0) return {};
    for (float& value : found.column) value /= length;
    for (size_t r = 0; r < update.rows; ++r) {
      found.row[r] =
          dot(&update.values[r * update.columns], found.column.data(), update.columns);
    }
    const double before = found.strength;
    found.strength = std::sqrt(square_sum(found.row));
    if (found.strength <= before * kProgress || i + 1 == kIterations) break;
    std::fill(found.column.begin(), found.column.end(), 0.0f);
    const auto scale = static_cast<float>(1 / found.strength);
    for (size_t r = 0; r < update.rows; ++r) {
      add_scaled(found.column.data(), &update.values[r * update.columns],
                 scale * found.row[r], update.columns);
    }
  }
  return found;
}

// A rank in whole numbers.
struct Rank {
  std::vector<int16_t> column;
  std::vector<int16_t> row;
  uint32_t grains;  // of its unit
};

constexpr double kMostFactor = 32767;

int16_t to_factor(double value) {
  constexpr double kHalf = 0.42;  // towards zero: smaller factors cost less
  const double rounded = value < 0 ? -std::floor(kHalf - value) : std::floor(value + kHalf);
  return static_cast<int16_t>(std::clamp(rounded, -kMostFactor, kMostFactor));
}

double longest(const std::vector<float>& values) {
  double most = 0;
  for (const float value : values) most = std::max<double>(most, std::fabs(value));
  return most;
}

// The step to which factors of one side are rounded if those of the other are of length 1,
// as coarse as pays: 3.5 standard deviations of what is left over in the end add as much to
// the residuals as another bit for each factor would cost.
double coarsest_step(const Update& update, double left) {
  const auto count = static_cast<double>(update.values.size());
  return 3.5 * std::sqrt(std::max(left / count, 0.0) + update.floor);
}

// Rounds a direction, no finer than factors and grains allow: what that leaves, further
// ranks can take.
Rank round_rank(const Update& update, double grain, const Direction& direction,
                double wanted) {
  const double least =
      std::max(longest(direction.column) * direction.strength, longest(direction.row)) /
      kMostFactor;
  const double coarse = std::max(wanted, least);
  Rank rank;
  rank.grains = static_cast<uint32_t>(std::clamp(
      std::ceil(coarse * coarse / direction.strength / grain), 1.0, double{kMaxRankUnit}));
  const double unit = rank.grains * grain;
  const double step = std::sqrt(unit * direction.strength);
  std::vector<float> column(update.columns);
  for (size_t j = 0; j < update.columns; ++j) {
    rank.column.push_back(to_factor(direction.column[j] * direction.strength / step));
    column[j] = rank.column.back();
  }
  const double squares = square_sum(column);
  for (size_t r = 0; r < update.rows; ++r) {
    // Once more, now that the other factor is known as it will be.
    const double along = squares == 0 ? 0
                                      : dot(&update.values[r * update.columns],
                                            column.data(), update.columns) /
                                            squares;
    rank.row.push_back(to_factor(along / unit));
  }
  return rank;
}

void subtract(Update* update, double grain, const Rank& rank) {
  const std::vector<float> column(rank.column.begin(), rank.column.end());
  const double unit = -(rank.grains * grain);
  for (size_t r = 0; r < update->rows; ++r) {
    if (rank.row[r] == 0) continue;
    add_scaled(&update->values[r * update->columns], column.data(),
               static_cast<float>(unit * rank.row[r]), update->columns);
  }
}

// Roughly what numbers cost once they are rounded to whole steps, in 1/1024 bit.
int64_t factor_cost(const std::vector<float>& values, double step) {
  double sum = 0;
  for (const float value : values) sum += std::fabs(value);
  const double mean = sum / step / static_cast<double>(values.size());
  const int64_t each = rough_log2_1024(5.4 * mean + 1.2) - rough_log2_1024(1.0);
  return each * static_cast<int64_t>(values.size());
}

// What residuals save if their squares fall from `before` to `after`.
int64_t saved_bits(const Update& update, double before, double after) {
  const auto count = static_cast<double>(update.values.size());
  return (rough_log2_1024(before / count + update.floor) -
          rough_log2_1024(std::max(after, 0.0) / count + update.floor)) *
         static_cast<int64_t>(update.values.size()) / 2;
}

constexpr int64_t kHeadCost = 32 * 1024;

int64_t rank_cost(const Update& update, const Direction& direction, double left) {
  const double step = coarsest_step(update, left);
  return factor_cost(direction.row, step) +
         factor_cost(direction.column, step / direction.strength) + kHeadCost;
}

// The directions worth taking, and the squares that they leave over.
struct Spectrum {
  std::vector<Direction> directions;
  double left = 0;
};

Spectrum find_directions(Update update, size_t most) {
  Spectrum found;
  found.left = square_sum(update.values);
  if (!std::isfinite(found.left)) return {};  // too large for single precision
  while (found.directions.size() < most && found.left > 0) {
    Direction direction = strongest(update);
    if (direction.strength == 0) break;
    const double after = found.left - direction.strength * direction.strength;
    const int64_t saved = saved_bits(update, found.left, after);
    if (saved < rank_cost(update, direction, after)) break;
    for (size_t r = 0; r < update.rows; ++r) {
      add_scaled(&update.values[r * update.columns], direction.column.data(),
                 -direction.row[r], update.columns);
    }
    found.left = square_sum(update.values);
    found.directions.push_back(std::move(direction));
  }
  return found;
}

// What factors cost once they are whole numbers.
int64_t rank_cost(const Rank& rank) {
  return factor_cost({rank.row.begin(), rank.row.end()}, 1) +
         factor_cost({rank.column.begin(), rank.column.end()}, 1) + kHeadCost;
}

// Rounds one direction after the other, each taking what those before it have left. As many
// are kept as save most together: where an update is nothing but ranks, the last of them
// saves far more than the others.
// `*saved` grows by what that is worth.
std::vector<Rank> take_ranks(Update update, double grain, size_t most, int64_t* saved) {
  const Spectrum spectrum = find_directions(update, most);
  const double step = coarsest_step(update, spectrum.left);
  std::vector<Rank> ranks;
  const double squares = square_sum(update.values);
  int64_t cost = 0;
  int64_t most_saved = 0;
  size_t kept = 0;
  for (const Direction& direction : spectrum.directions) {
    Rank rank = round_rank(update, grain, direction, step);
    subtract(&update, grain, rank);
    cost += rank_cost(rank);
    ranks.push_back(std::move(rank));
    const int64_t gained = saved_bits(update, squares, square_sum(update.values)) - cost;
    if (gained <= most_saved) continue;
    most_saved = gained;
    kept = ranks.size();
  }
  *saved += most_saved;
  ranks.resize(kept);
  return ranks;
}

// The exponent of a unit in which shifts fit: that of which the largest has 2^28. Sums may
// wrap around on their way.
int32_t shift_exponent(const Update& update) {
  int exponent = 0;
  (void)std::frexp(longest(update.values), &exponent);
  return exponent - 28;
}

}  // namespace

FittedRanks find_ranks(Update update, size_t all_rows, std::optional<int32_t> exponent) {
  constexpr size_t kLeast = 8;  // rows and columns: below, factors are as many as elements
  const size_t rows = update.rows;
  const size_t columns = update.columns;
  FittedRanks fitted;
  if (rows < kLeast || columns < kLeast || columns > kMaxColumns) return fitted;
  const size_t most = std::min({size_t{kMaxRanks}, rows, columns, kMaxFactors / columns});
  fitted.exponent = exponent ? *exponent : shift_exponent(update);
  const std::vector<Rank> ranks =
      take_ranks(std::move(update), power_of_two(fitted.exponent), most, &fitted.saved);
  if (ranks.empty()) return fitted;
  fitted.row_factors.assign(all_rows * ranks.size(), 0);
  for (size_t k = 0; k < ranks.size(); ++k) {
    fitted.units.push_back(ranks[k].grains);
    fitted.column_factors.insert(fitted.column_factors.end(), ranks[k].column.begin(),
                                 ranks[k].column.end());
    for (size_t r = 0; r < rows; ++r) {
      fitted.row_factors[r * ranks.size() + k] = ranks[k].row[r];
    }
  }
  return fitted;
}

}  // namespace mallorn::pack
