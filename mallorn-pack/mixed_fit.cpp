#include "mallorn-pack/mixed_fit.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mallorn-pack/floating.hpp"

namespace mallorn::pack {
namespace {

// A sample of the elements, each with what it may follow from: all of them less the mean.
struct Sample {
  std::vector<double> values;
  std::vector<std::vector<double>> candidates;
};

constexpr size_t kMostSampled = 1u << 16;

// The numbers of all elements.
std::vector<double> load(const MixedNumbers& numbers, uint32_t element_bytes,
                         ByteView bytes) {
  std::vector<double> loaded;
  loaded.reserve(bytes.size() / element_bytes);
  for (size_t at = 0; at + element_bytes <= bytes.size(); at += element_bytes) {
    loaded.push_back(static_cast<double>(numbers.number(numbers.place(bytes.data() + at))));
  }
  return loaded;
}

// The greatest exponent field of numbers that are finite.
uint32_t greatest_field(const ValueType& type, ByteView result) {
  if (type.kind != ValueKind::floating) return 0;
  const auto infinite =
      static_cast<int32_t>(type.format.infinity() >> type.format.mantissa_bits);
  int32_t greatest = 1;  // that of subnormal numbers
  for (size_t at = 0; at < result.size(); at += type.bytes) {
    const int32_t field = exponent_at(
        type.format, to_order(type.format, load_bits(type, result.data() + at)));
    if (field < infinite) greatest = std::max(greatest, field);
  }
  return static_cast<uint32_t>(greatest);
}

// The mean, in its unit; 0 if it does not stand out.
int32_t find_mean(const std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(values.size());
  const double mean = sum / count;
  const double variance = squares / count - mean * mean;
  if (mean * mean <= variance / 400) return 0;
  return static_cast<int32_t>(std::floor(mean / kMixedMeanUnit + 0.5));
}

bool has_many_zeros(const ValueType& type, const std::vector<double>& values) {
  const size_t few = type.kind == ValueKind::floating ? 50 : 25;
  const auto zeros = static_cast<size_t>(std::count(values.begin(), values.end(), 0.0));
  return zeros > values.size() / few;
}

// What is worth trying: the next two elements along each axis, the rows above within
// square filters, and the base.
std::vector<MixedSource> candidates(const MixedPiece& piece, bool has_base) {
  std::vector<MixedSource> found;
  if (has_base) found.push_back({MixedAxis::base, 0, 0});
  const auto add = [&](MixedAxis axis, uint64_t distance) {
    if (distance != 0 && distance * piece.stride(axis) < piece.elements / 2 &&
        distance * piece.stride(axis) < piece.period(axis)) {
      found.push_back({axis, distance, 0});
    }
  };
  const auto side =
      static_cast<uint64_t>(std::sqrt(static_cast<double>(piece.row / piece.channels)));
  add(MixedAxis::channel, 1);
  add(MixedAxis::channel, 2);
  add(MixedAxis::row, 1);
  add(MixedAxis::row, 2);
  for (uint64_t distance = std::max<uint64_t>(side, 4) - 1;
       side > 2 && distance <= side + 1; ++distance) {
    add(MixedAxis::row, distance);
  }
  add(MixedAxis::rows, 1);
  add(MixedAxis::rows, 2);
  return found;
}

Sample take_sample(const MixedPiece& piece, const std::vector<MixedSource>& sources,
                   const std::vector<double>& base, const std::vector<double>& values) {
  const double mean = static_cast<double>(piece.mean) * kMixedMeanUnit;
  const size_t step = values.size() / kMostSampled + 1;
  Sample sample;
  sample.candidates.resize(sources.size());
  for (size_t i = 0; i < values.size(); i += step) {
    sample.values.push_back(values[i] - mean);
    for (size_t k = 0; k < sources.size(); ++k) {
      const MixedSource& source = sources[k];
      double from = 0;
      if (source.axis == MixedAxis::base) {
        from = base[i] - mean;
      } else {
        const uint64_t back = source.distance * piece.stride(source.axis);
        if (i % piece.period(source.axis) >= back) from = values[i - back] - mean;
      }
      sample.candidates[k].push_back(from);
    }
  }
  return sample;
}

double mean_size(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::fabs(value);
  return sum / static_cast<double>(values.size());
}

// What coding the deviations takes, in 1/1024 bit, but for a constant.
int64_t cost_of(const std::vector<double>& missed, double soft) {
  int64_t cost = 0;
  for (const double value : missed) cost += rough_log2_1024(std::fabs(value) + soft);
  return cost;
}

// Weights that make what is missed smallest, where what is missed by much counts less.
class LeastSquares {
 public:
  LeastSquares(const Sample& sample, const std::vector<double>& missed, double soft)
      : size_(sample.candidates.size()), products_(size_ * size_), targets_(size_) {
    for (size_t i = 0; i < missed.size(); ++i) {
      const double weight = 1 / (std::fabs(missed[i]) + soft);
      for (size_t a = 0; a < size_; ++a) {
        const double scaled = weight * sample.candidates[a][i];
        targets_[a] += scaled * sample.values[i];
        for (size_t b = 0; b <= a; ++b) {
          products_[a * size_ + b] += scaled * sample.candidates[b][i];
        }
      }
    }
  }

  // For some of the candidates; none if they say the same. By Gaussian elimination: the
  // matrix is positive definite.
  std::vector<double> solve(const std::vector<size_t>& chosen) const {
    const size_t count = chosen.size();
    std::vector<std::vector<double>> rows(count, std::vector<double>(count + 1));
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = 0; b < count; ++b) {
        rows[a][b] = products_[std::max(chosen[a], chosen[b]) * size_ +
                               std::min(chosen[a], chosen[b])];
      }
      rows[a][count] = targets_[chosen[a]];
    }
    for (size_t a = 0; a < count; ++a) {
      if (rows[a][a] <= products_[chosen[a] * size_ + chosen[a]] / 1e6) return {};
      for (size_t b = a + 1; b < count; ++b) {
        const double factor = rows[b][a] / rows[a][a];
        for (size_t c = a; c <= count; ++c) rows[b][c] -= factor * rows[a][c];
      }
    }
    std::vector<double> solution(count);
    for (size_t a = count; a-- > 0;) {
      double rest = rows[a][count];
      for (size_t b = a + 1; b < count; ++b) rest -= rows[a][b] * solution[b];
      solution[a] = rest / rows[a][a];
    }
    return solution;
  }

 private:
  size_t size_;
  std::vector<double> products_;  // lower triangle
  std::vector<double> targets_;
};

// A choice of sources, and what it misses.
struct Choice {
  std::vector<size_t> chosen;
  std::vector<int32_t> weights;
  std::vector<double> missed;
  int64_t cost = 0;
};

// Weights in their unit; empty if one is too large.
std::vector<int32_t> to_weights(const std::vector<double>& solution) {
  std::vector<int32_t> weights;
  for (const double weight : solution) {
    const double rounded = std::floor(weight * 1024 + 0.5);
    if (!(std::fabs(rounded) <= kMaxMixedWeight)) return {};
    weights.push_back(static_cast<int32_t>(rounded));
  }
  return weights;
}

// The choice with one more candidate, if it can be made.
Choice extend(const Sample& sample, const LeastSquares& squares, const Choice& before,
              size_t candidate, double soft) {
  Choice choice;
  choice.chosen = before.chosen;
  choice.chosen.push_back(candidate);
  choice.weights = to_weights(squares.solve(choice.chosen));
  if (choice.weights.empty()) return {};
  choice.missed = sample.values;
  for (size_t k = 0; k < choice.chosen.size(); ++k) {
    const std::vector<double>& from = sample.candidates[choice.chosen[k]];
    const double weight = choice.weights[k] / 1024.0;
    for (size_t i = 0; i < from.size(); ++i) choice.missed[i] -= weight * from[i];
  }
  choice.cost = cost_of(choice.missed, soft);
  return choice;
}

// Adds the source that saves most, as long as it saves more than it costs.
Choice choose(const Sample& sample, size_t elements) {
  constexpr int64_t kSourceCost = 40 * 1024;
  Choice best;
  best.missed = sample.values;
  const double soft = mean_size(best.missed) / 2;
  if (soft == 0) return best;
  best.cost = cost_of(best.missed, soft);
  const auto sampled = static_cast<int64_t>(sample.values.size());
  const int64_t least = kSourceCost * sampled / static_cast<int64_t>(elements) + 1;
  while (best.chosen.size() < kMaxMixedSources) {
    const LeastSquares squares(sample, best.missed, soft);
    Choice next = best;
    for (size_t k = 0; k < sample.candidates.size(); ++k) {
      if (std::find(best.chosen.begin(), best.chosen.end(), k) != best.chosen.end())
        continue;
      Choice choice = extend(sample, squares, best, k, soft);
      if (!choice.chosen.empty() && !choice.weights.empty() && choice.cost < next.cost)
        next = std::move(choice);
    }
    if (best.cost - next.cost < least) break;
    best = std::move(next);
  }
  return best;
}

}  // namespace

MixedPiece fit_mixed(const ValueType& type, uint64_t row_elements, uint64_t channels,
                     int32_t zero, ByteView base, ByteView result) {
  MixedPiece piece;
  piece.elements = result.size() / type.bytes;
  piece.zero = zero;
  piece.greatest = greatest_field(type, result);
  const bool has_rows = row_elements > 1 && row_elements <= piece.elements;
  piece.row = has_rows ? row_elements : piece.elements;
  piece.channels = channels > 1 && channels <= piece.row ? channels : piece.row;
  const MixedNumbers numbers(type, zero, piece.greatest);
  const std::vector<double> values = load(numbers, type.bytes, result);
  piece.mean = find_mean(values);
  if (has_many_zeros(type, values)) piece.method = MixedMethod::sparse;
  const std::vector<MixedSource> sources = candidates(piece, !base.empty());
  const Sample sample =
      take_sample(piece, sources, load(numbers, type.bytes, base), values);
  const Choice choice = choose(sample, values.size());
  for (size_t k = 0; k < choice.chosen.size(); ++k) {
    piece.sources[k] = sources[choice.chosen[k]];
    piece.sources[k].weight = choice.weights[k];
  }
  piece.source_count = static_cast<uint32_t>(choice.chosen.size());
  return piece;
}

}  // namespace mallorn::pack
