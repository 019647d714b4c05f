// Matrices that became others in a known way: by gains, by a few ranks.
#pragma once

#include <cmath>

#include "tests/support/values.hpp"

namespace mallorn::test {

struct ValuePair {
  Bytes base;
  Bytes result;
};

struct Matrix {
  uint32_t rows;
  uint32_t columns;
};

// Dtypes whose numbers are multiplied, and whose weights() leave room for it.
constexpr Dtype kScaledDtypes[] = {Dtype::i8,  Dtype::i16,  Dtype::i32,
                                   Dtype::f16, Dtype::bf16, Dtype::f32};

// An element as a number, and the element nearest to a number.
inline double to_number(const ValueType& type, uint64_t bits) {
  if (type.kind != ValueKind::floating) {
    const int64_t number = extend_sign(type, bits);
    return static_cast<double>(type.is_signed ? number : static_cast<int64_t>(bits));
  }
  const uint64_t magnitude = bits & (type.format.sign() - 1);
  const auto field = static_cast<int>(magnitude >> type.format.mantissa_bits);
  uint64_t mantissa = magnitude & ((uint64_t{1} << type.format.mantissa_bits) - 1);
  if (field != 0) mantissa |= uint64_t{1} << type.format.mantissa_bits;
  const double size = std::ldexp(static_cast<double>(mantissa),
                                 std::max(field - 1, 0) + exponent_of_unit(type.format));
  return (bits & type.format.sign()) != 0 ? -size : size;
}

inline uint64_t to_bits(const ValueType& type, double number) {
  if (type.kind != ValueKind::floating) {
    const double reach = std::ldexp(1.0, static_cast<int>(8 * type.bytes) - 1);
    const double least = type.is_signed ? -reach : 0;
    const double most = type.is_signed ? reach - 1 : 2 * reach - 1;
    return static_cast<uint64_t>(
        static_cast<int64_t>(std::clamp(std::floor(number + 0.5), least, most)));
  }
  if (number == 0) return 0;
  int exponent = 0;
  (void)std::frexp(std::fabs(number), &exponent);
  exponent -= exponent_of_unit(type.format);  // of the number in units
  const int last = std::max(exponent - static_cast<int>(type.format.mantissa_bits) - 1, 0);
  const double mantissa = std::floor(
      std::ldexp(std::fabs(number), -exponent_of_unit(type.format) - last) + 0.5);
  const uint64_t bits = static_cast<uint64_t>(mantissa) +
                        (static_cast<uint64_t>(last) << type.format.mantissa_bits);
  return bits | (number < 0 ? type.format.sign() : 0);
}

// Numbers of a bell curve, as weights have: floats of 0.05, integers of an eighth of the
// range.
inline double bell(Random& random, const ValueType& type) {
  double sum = 0;
  for (int i = 0; i < 8; ++i)
    sum += std::ldexp(static_cast<double>(random() >> 11), -53) - 0.5;
  const int bits = std::min(static_cast<int>(8 * type.bytes), 24);  // sums of ranks fit
  return sum / std::sqrt(8.0 / 12) *
         (type.kind == ValueKind::floating ? 0.05 : std::ldexp(1.0, bits - 4));
}

inline Bytes bell_weights(Random& random, const ValueType& type, size_t count) {
  const bool has_sign = type.kind == ValueKind::floating || type.is_signed;
  const double middle =
      has_sign ? 0 : std::ldexp(1.0, static_cast<int>(8 * type.bytes) - 1);
  return elements(type, count, [&] { return to_bits(type, middle + bell(random, type)); });
}

// Weights, and each moved by about a twentieth of what they are on average.
inline ValuePair trained_pair(Random& random, const ValueType& type, size_t count) {
  ValuePair pair;
  pair.base = bell_weights(random, type, count);
  size_t at = 0;
  pair.result = elements(type, count, [&] {
    const double from = to_number(type, load_element(type, &pair.base[at]));
    at += type.bytes;
    return to_bits(type, from + bell(random, type) / 20);
  });
  return pair;
}

// The base times a gain from 0.7 to 1.3 for each lane of `axis`, rounded.
inline ValuePair scaled_pair(Random& random, const ValueType& type, Matrix shape,
                             GainAxis axis, std::vector<double>* gains) {
  ValuePair pair;
  pair.base = bell_weights(random, type, size_t{shape.rows} * shape.columns);
  pair.result = pair.base;
  gains->clear();
  for (uint32_t i = axis == GainAxis::row ? shape.rows : shape.columns; i > 0; --i) {
    gains->push_back(0.7 + static_cast<double>(random.below(601)) / 1000);
  }
  for (size_t i = 0; i < size_t{shape.rows} * shape.columns; ++i) {
    const size_t lane = axis == GainAxis::row ? i / shape.columns : i % shape.columns;
    const double from = to_number(type, load_element(type, &pair.base[i * type.bytes]));
    store_element(type, &pair.result[i * type.bytes], to_bits(type, from * (*gains)[lane]));
  }
  return pair;
}

// The base plus a matrix of few ranks, about a fifth as large.
inline ValuePair low_rank_pair(Random& random, const ValueType& type, Matrix shape,
                               uint32_t ranks) {
  const ValueType factors = {ValueKind::floating, 4, false, kF32, kFloatGainBits};
  ValuePair pair;
  pair.base = bell_weights(random, type, size_t{shape.rows} * shape.columns);
  pair.result = pair.base;
  std::vector<double> update(size_t{shape.rows} * shape.columns);
  const double unit =
      (type.kind == ValueKind::floating
           ? 0.05
           : std::ldexp(1.0, std::min(static_cast<int>(8 * type.bytes), 14) - 4)) /
      5 / 0.0025;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    std::vector<double> column;
    for (uint32_t j = 0; j < shape.columns; ++j) column.push_back(bell(random, factors));
    for (uint32_t r = 0; r < shape.rows; ++r) {
      const double row = bell(random, factors) * unit;
      for (uint32_t j = 0; j < shape.columns; ++j) {
        update[size_t{r} * shape.columns + j] += row * column[j];
      }
    }
  }
  for (size_t i = 0; i < update.size(); ++i) {
    const double from = to_number(type, load_element(type, &pair.base[i * type.bytes]));
    store_element(type, &pair.result[i * type.bytes], to_bits(type, from + update[i]));
  }
  return pair;
}

}  // namespace mallorn::test
