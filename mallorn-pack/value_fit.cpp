#include "mallorn-pack/value_fit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mallorn::pack {
namespace {

// 2^exponent, exactly; exponent is that of a normal double.
double power_of_two(int64_t exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

double float_number(FloatFormat format, uint64_t bits) {
  const uint64_t magnitude = bits & (format.sign() - 1);
  if (magnitude >= format.infinity()) return 0;
  if (format.bits == 64) return std::bit_cast<double>(bits);
  const auto field = static_cast<int64_t>(magnitude >> format.mantissa_bits);
  const uint64_t hidden = uint64_t{field != 0} << format.mantissa_bits;
  const uint64_t mantissa =
      (magnitude & ((uint64_t{1} << format.mantissa_bits) - 1)) | hidden;
  const double number =
      static_cast<double>(mantissa) *
      power_of_two((field == 0 ? 0 : field - 1) + exponent_of_unit(format));
  return (bits & format.sign()) != 0 ? -number : number;
}

// 1024 * log2 of a positive number, good to a tenth of a bit, less a constant.
int64_t log2_1024(double number) { return std::bit_cast<int64_t>(number) >> 42; }

// The elements of one row or column.
struct Lane {
  const MatrixPair& matrices;
  size_t begin;
  size_t step;
  size_t count;

  double base(size_t i) const { return matrices.base[begin + i * step]; }
  double result(size_t i) const { return matrices.result[begin + i * step]; }
  double unit(size_t i) const { return matrices.unit[begin + i * step]; }
};

// What the residuals of a lane cost with a gain.
int64_t lane_cost(const Lane& lane, double gain) {
  int64_t cost = 0;
  for (size_t i = 0; i < lane.count; ++i) {
    const double missed = std::fabs(lane.result(i) - gain * lane.base(i));
    cost += log2_1024(missed / lane.unit(i) + 0.4);
  }
  return cost;
}

// The gain that makes the residuals of a lane smallest, those that are large counting less.
double lane_gain(const Lane& lane) {
  constexpr int kRounds = 4;
  double gain = 1;
  for (int round = 0; round < kRounds; ++round) {
    double mean = 0;
    for (size_t i = 0; i < lane.count; ++i) {
      mean += std::fabs(lane.result(i) - gain * lane.base(i));
    }
    const double soft = 0.3 * mean / static_cast<double>(lane.count);
    if (soft == 0) return gain;
    double products = 0;
    double squares = 0;
    for (size_t i = 0; i < lane.count; ++i) {
      const double weight =
          1 / (std::fabs(lane.result(i) - gain * lane.base(i)) + soft);
      products += weight * lane.base(i) * lane.result(i);
      squares += weight * lane.base(i) * lane.base(i);
    }
    if (squares == 0) return gain;
    gain = products / squares;
  }
  return gain;
}

int32_t to_gain(const ValueType& type, double gain) {
  const double scaled = gain * type.gain_one() + 0.5;
  const bool fits = scaled >= 1 && scaled < type.max_gain();
  return fits ? static_cast<int32_t>(scaled) : type.gain_one();
}

// --- ranks

// A matrix that ranks are taken off, and the variance that none can explain.
struct Update {
  size_t rows;
  size_t columns;
  std::vector<float> values;
  double floor;  // of the mean square: rounding
};

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
  double strength = 0;         // length of `row`
};

Direction strongest(const Update& update) {
  constexpr int kIterations = 10;
  constexpr double kProgress = 1.005;
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
  double unit;
};

int16_t to_factor(double value) {
  const double rounded = std::floor(value + 0.5);
  return static_cast<int16_t>(std::clamp(rounded, -32767.0, 32767.0));
}

// Rounds a direction as coarsely as pays: a step of 3.5 standard deviations of what is left
// over adds as much to the residuals as another bit for each factor would cost.
Rank round_rank(const Update& update, const Direction& direction, double left) {
  const auto count = static_cast<double>(update.values.size());
  const double step = 3.5 * std::sqrt(std::max(left / count, 0.0) + update.floor);
  Rank rank;
  rank.unit = step * step / direction.strength;
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
    rank.row.push_back(to_factor(along / rank.unit));
  }
  return rank;
}

void subtract(Update* update, const Rank& rank) {
  std::vector<float> column(rank.column.begin(), rank.column.end());
  for (size_t r = 0; r < update->rows; ++r) {
    if (rank.row[r] == 0) continue;
    add_scaled(&update->values[r * update->columns], column.data(),
               static_cast<float>(-rank.unit * rank.row[r]), update->columns);
  }
}

// Roughly what factors cost, in 1/1024 bit: of numbers with that mean size.
int64_t factor_cost(const std::vector<int16_t>& factors) {
  double sum = 0;
  for (const int16_t factor : factors) sum += std::abs(static_cast<int>(factor));
  const double mean = sum / static_cast<double>(factors.size());
  const int64_t each = log2_1024(5.4 * mean + 1.2) - log2_1024(1.0);
  return each * static_cast<int64_t>(factors.size());
}

std::vector<Rank> find_ranks(Update update, uint32_t most) {
  constexpr int64_t kHeadCost = 32 * 1024;
  std::vector<Rank> ranks;
  const auto count = static_cast<double>(update.values.size());
  double squares = square_sum(update.values);
  while (ranks.size() < most && squares > 0) {
    const Direction direction = strongest(update);
    if (direction.strength == 0) break;
    const double left = squares - direction.strength * direction.strength;
    Rank rank = round_rank(update, direction, left);
    subtract(&update, rank);
    const double after = square_sum(update.values);
    const int64_t saved = (log2_1024(squares / count + update.floor) -
                           log2_1024(after / count + update.floor)) *
                          static_cast<int64_t>(update.values.size()) / 2;
    if (saved < factor_cost(rank.column) + factor_cost(rank.row) + kHeadCost) break;
    ranks.push_back(std::move(rank));
    squares = after;
  }
  return ranks;
}

// The unit of shifts in which the ranks fit: an exponent for which sums stay below 2^30.
int32_t shift_exponent(const std::vector<Rank>& ranks) {
  double most = 0;
  for (const Rank& rank : ranks) {
    int32_t column = 0;
    int32_t row = 0;
    for (const int16_t factor : rank.column) column = std::max(column, std::abs(factor));
    for (const int16_t factor : rank.row) row = std::max(row, std::abs(factor));
    most += rank.unit * column * row;
  }
  int32_t exponent = 0;
  for (; most >= power_of_two(30) && exponent < 1000; ++exponent) most /= 2;
  for (; most < power_of_two(29) && exponent > -1000; --exponent) most *= 2;
  return exponent;
}

}  // namespace

MatrixPair load_matrices(const ValueType& type, const Piece& piece, ByteView base,
                         ByteView result) {
  MatrixPair pair;
  const auto number = [&](const uint8_t* from, int32_t zero) {
    if (type.kind == ValueKind::floating) return float_number(type.format, load_bits(type, from));
    return static_cast<double>(static_cast<int64_t>(load_number(type, from)) - zero);
  };
  const size_t count = result.size() / type.bytes;
  for (size_t i = 0; i < count; ++i) {
    const double from = number(base.data() + i * type.bytes, piece.base_zero);
    const double to = number(result.data() + i * type.bytes, piece.result_zero);
    pair.base.push_back(from);
    pair.result.push_back(to);
    double unit = 1;
    if (type.kind == ValueKind::floating) {
      const int64_t order =
          to_order(type.format, load_bits(type, base.data() + i * type.bytes));
      const int32_t field = std::max(exponent_at(type.format, order), 1);
      unit = power_of_two(field - 1 + exponent_of_unit(type.format));
    }
    pair.unit.push_back(unit);
  }
  return pair;
}

int64_t fit_gains(const ValueType& type, const MatrixPair& matrices, GainAxis axis,
                  FittedPiece* fitted) {
  const int64_t gain_cost = int64_t{type.gain_bits} * 1024;
  const size_t columns = fitted->piece.columns;
  const size_t count = matrices.base.size();
  const size_t rows = (count + columns - 1) / columns;
  const size_t lanes = axis == GainAxis::row ? rows : columns;
  std::vector<int32_t> gains;
  int64_t saved = 0;
  for (size_t i = 0; i < lanes; ++i) {
    const Lane lane = axis == GainAxis::row
                          ? Lane{matrices, i * columns, 1, std::min(columns, count - i * columns)}
                          : Lane{matrices, i, columns, (count - i + columns - 1) / columns};
    const int32_t gain = to_gain(type, lane_gain(lane));
    const int64_t saves =
        gain == type.gain_one()
            ? 0
            : lane_cost(lane, 1) -
                  lane_cost(lane, static_cast<double>(gain) / type.gain_one()) - gain_cost;
    gains.push_back(saves > 0 ? gain : type.gain_one());
    saved += std::max<int64_t>(saves, 0);
  }
  saved -= static_cast<int64_t>(lanes) * 256;  // of saying which have none
  if (saved <= 0) return 0;
  fitted->piece.axis = axis;
  fitted->gains = std::move(gains);
  return saved;
}

void fit_ranks(const ValueType& type, const MatrixPair& matrices, FittedPiece* fitted) {
  Piece& piece = fitted->piece;
  const size_t columns = piece.columns;
  const size_t rows = matrices.base.size() / columns;  // those that are whole
  constexpr size_t kLeast = 8;  // rows and columns: below, factors are as many as elements
  if (rows < kLeast || columns < kLeast || columns > kMaxColumns) return;
  Update update{rows, columns, {}, 0};
  for (size_t i = 0; i < rows * columns; ++i) {
    const int32_t gain = piece.axis == GainAxis::none  ? type.gain_one()
                         : piece.axis == GainAxis::row ? fitted->gains[i / columns]
                                                       : fitted->gains[i % columns];
    update.values.push_back(static_cast<float>(
        matrices.result[i] - matrices.base[i] * gain / type.gain_one()));
    update.floor += matrices.unit[i] * matrices.unit[i] / 12;
  }
  update.floor /= static_cast<double>(rows * columns);
  const auto most = static_cast<uint32_t>(std::min<size_t>(kMaxRanks, kMaxFactors / columns));
  const std::vector<Rank> ranks = find_ranks(std::move(update), most);
  if (ranks.empty()) return;
  double unit = power_of_two(-20);
  if (type.kind == ValueKind::floating) {
    const int32_t exponent = shift_exponent(ranks);
    unit = power_of_two(exponent);
    piece.exponent = exponent - exponent_of_unit(type.format);
  }
  piece.ranks = static_cast<uint32_t>(ranks.size());
  const size_t all_rows = (matrices.base.size() + columns - 1) / columns;
  fitted->row_factors.assign(all_rows * ranks.size(), 0);
  for (size_t k = 0; k < ranks.size(); ++k) {
    const double scaled = std::floor(ranks[k].unit / unit + 0.5);
    fitted->units.push_back(
        static_cast<uint32_t>(std::clamp(scaled, 1.0, double{kMaxRankUnit})));
    fitted->column_factors.insert(fitted->column_factors.end(), ranks[k].column.begin(),
                                  ranks[k].column.end());
    for (size_t r = 0; r < rows; ++r) {
      fitted->row_factors[r * ranks.size() + k] = ranks[k].row[r];
    }
  }
}

}  // namespace mallorn::pack
