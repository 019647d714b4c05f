#include "mallorn-pack/value_fit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "mallorn-pack/floating.hpp"

namespace mallorn::pack {
namespace {

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

// The elements of one row or column.
struct GainLane {
  const MatrixPair& matrices;
  size_t begin;
  size_t step;
  size_t count;

  double base(size_t i) const { return matrices.base[begin + i * step]; }
  double result(size_t i) const { return matrices.result[begin + i * step]; }
  double unit(size_t i) const { return matrices.unit[begin + i * step]; }
};

// What the residuals of a lane cost with a gain.
int64_t lane_cost(const GainLane& lane, double gain) {
  int64_t cost = 0;
  for (size_t i = 0; i < lane.count; ++i) {
    const double missed = std::fabs(lane.result(i) - gain * lane.base(i));
    cost += rough_log2_1024(missed / lane.unit(i) + 0.4);
  }
  return cost;
}

// The gain that makes the residuals of a lane smallest, those that are large counting less.
double lane_gain(const GainLane& lane) {
  constexpr int kRounds = 4;
  constexpr double kSettled = 1.0 / (1 << 26);
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
      const double weight = 1 / (std::fabs(lane.result(i) - gain * lane.base(i)) + soft);
      products += weight * lane.base(i) * lane.result(i);
      squares += weight * lane.base(i) * lane.base(i);
    }
    if (squares == 0) return gain;
    const double before = gain;
    gain = products / squares;
    if (std::fabs(gain - before) < kSettled) break;
  }
  return gain;
}

int32_t to_gain(const ValueType& type, double gain) {
  const double scaled = gain * type.gain_one();
  if (std::fabs(scaled) < 0.5 || std::fabs(scaled) >= type.max_gain())
    return type.gain_one();
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

struct FittedGain {
  int32_t gain;
  int64_t saved = 0;  // in 1/1024 bit
};

// The gain of the last lane that had one costs next to nothing: where a block's scale is
// that of its greatest weight, many change their sign, and that says nearly all of them.
FittedGain fit_gain(const ValueType& type, const GainLane& lane, int32_t last,
                    int64_t cost) {
  constexpr int64_t kAgainCost = 2 * 1024;
  FittedGain best = {type.gain_one()};
  const int32_t gain = to_gain(type, lane_gain(lane));
  if (gain == type.gain_one()) return best;
  const int64_t plain = lane_cost(lane, 1);
  const auto offer = [&](int32_t offered, int64_t offered_cost) {
    const double by = static_cast<double>(offered) / type.gain_one();
    const int64_t saved = plain - lane_cost(lane, by) - offered_cost;
    if (saved > best.saved) best = {offered, saved};
  };
  if (gain < 0) offer(last, kAgainCost);
  offer(gain, cost);
  return best;
}

}  // namespace

MatrixPair load_matrices(const ValueType& type, const Piece& piece, ByteView base,
                         ByteView result) {
  MatrixPair pair;
  const auto number = [&](ByteView bytes, size_t i, int32_t zero) {
    if (type.kind == ValueKind::code)
      return static_cast<double>(load_code(type, bytes.data(), i) - zero);
    const uint8_t* const from = bytes.data() + i * type.bytes;
    if (type.kind == ValueKind::floating)
      return float_number(type.format, load_bits(type, from));
    return static_cast<double>(static_cast<int64_t>(load_number(type, from)) - zero);
  };
  const uint64_t count = elements_in(type, result.size());
  for (size_t i = 0; i < count; ++i) {
    const double from = number(base, i, piece.base_zero);
    const double to = number(result, i, piece.result_zero);
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
  const int64_t gain_cost =
      int64_t{type.gain_bits + (type.kind == ValueKind::floating ? 4u : 0u)} * 1024;
  const size_t columns = fitted->piece.columns;
  const size_t count = matrices.base.size();
  const size_t rows = (count + columns - 1) / columns;
  const size_t lanes = axis == GainAxis::row ? rows : columns;
  std::vector<int32_t> gains;
  int64_t saved = 0;
  int32_t last = -type.gain_one();
  for (size_t i = 0; i < lanes; ++i) {
    const GainLane lane =
        axis == GainAxis::row
            ? GainLane{matrices, i * columns, 1, std::min(columns, count - i * columns)}
            : GainLane{matrices, i, columns, (count - i + columns - 1) / columns};
    const FittedGain gain = fit_gain(type, lane, last, gain_cost);
    if (gain.saved > 0) last = gain.gain;
    gains.push_back(gain.gain);
    saved += gain.saved;
  }
  saved -= static_cast<int64_t>(lanes) * 256;  // of saying which have none
  if (saved <= 0) return 0;
  fitted->piece.axis = axis;
  fitted->gains = std::move(gains);
  return saved;
}

void fit_ranks(const ValueType& type, const MatrixPair& matrices, FittedPiece* fitted) {
  Piece& piece = fitted->piece;
  Update update;
  update.columns = piece.columns;
  update.rows = matrices.base.size() / piece.columns;  // those that are whole
  const size_t count = update.rows * update.columns;
  for (size_t i = 0; i < count; ++i) {
    const int32_t gain = piece.axis == GainAxis::none  ? type.gain_one()
                         : piece.axis == GainAxis::row ? fitted->gains[i / piece.columns]
                                                       : fitted->gains[i % piece.columns];
    update.values.push_back(
        static_cast<float>(matrices.result[i] - matrices.base[i] * gain / type.gain_one()));
    update.floor += matrices.unit[i] * matrices.unit[i] / 12;
  }
  update.floor /= static_cast<double>(std::max<size_t>(count, 1));
  // Of a last row that is shorter, no rank says anything.
  const size_t rows = (matrices.base.size() + piece.columns - 1) / piece.columns;
  if (type.kind == ValueKind::floating) {
    const int32_t least = exponent_of_unit(type.format);
    fitted->ranks = find_ranks(std::move(update), rows, std::nullopt);
    piece.exponent = fitted->ranks.exponent - least;
  } else {
    constexpr int32_t kIntegerExponent = -20;
    fitted->ranks = find_ranks(std::move(update), rows, kIntegerExponent);
  }
  piece.ranks = static_cast<uint32_t>(fitted->ranks.units.size());
}

}  // namespace mallorn::pack
