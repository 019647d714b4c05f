// Numbers and floats made up for tests: at random, near others, and at every extreme.
#pragma once

#include <algorithm>

#include "libcommon/core/value_model.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

// Every dtype with a value_type().
constexpr Dtype kValueDtypes[] = {Dtype::i8,  Dtype::u8,   Dtype::i16, Dtype::u16,
                                  Dtype::i32, Dtype::u32,  Dtype::i64, Dtype::u64,
                                  Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64};

inline ValueType type_of(Dtype dtype) {
  ValueType type;
  REQUIRE(value_type(dtype, &type));
  return type;
}

inline void store_element(const ValueType& type, uint8_t* to, uint64_t bits) {
  if (type.bytes == 1) {
    *to = static_cast<uint8_t>(bits);
  } else {
    store_bits(type, to, bits);
  }
}

inline uint64_t load_element(const ValueType& type, const uint8_t* from) {
  return type.bytes == 1 ? *from : load_bits(type, from);
}

// A small number of either sign; 0 more often than others.
inline int64_t small_number(Random& random, uint64_t reach) {
  return static_cast<int64_t>(random.below(2 * reach + 1)) - static_cast<int64_t>(reach);
}

// As weights are: floats of a few exponents below one, integers of the middle half of the
// range.
inline uint64_t weight(Random& random, const ValueType& type) {
  const uint32_t bits = 8 * type.bytes;
  if (type.kind != ValueKind::floating) {
    const uint64_t middle = type.is_signed ? 0 : uint64_t{1} << (bits - 1);
    return middle + static_cast<uint64_t>(small_number(random, uint64_t{1} << (bits - 2)));
  }
  const FloatFormat format = type.format;
  const uint64_t one = (format.infinity() >> format.mantissa_bits) / 2;
  const uint64_t exponent = one - 1 - random.below(6);
  const uint64_t mantissa = random() & ((uint64_t{1} << format.mantissa_bits) - 1);
  return exponent << format.mantissa_bits | mantissa |
         (random.chance(2) ? format.sign() : 0);
}

// Zeros, infinities, NaN with and without payload, subnormals, the least and the largest.
inline uint64_t extreme(Random& random, const ValueType& type) {
  const uint32_t bits = 8 * type.bytes;
  const uint64_t top = uint64_t{1} << (bits - 1);
  if (type.kind != ValueKind::floating) {
    const uint64_t numbers[] = {0, 1, ~uint64_t{0}, top, top - 1, top + 1};
    return numbers[random.below(std::size(numbers))];
  }
  const uint64_t infinity = type.format.infinity();
  const uint64_t least = uint64_t{1} << type.format.mantissa_bits;
  const uint64_t numbers[] = {0,
                              1,
                              least - 1,
                              least,
                              infinity - 1,
                              infinity,
                              infinity + 1,
                              top - 1,
                              infinity | least >> 1};
  const uint64_t magnitude = numbers[random.below(std::size(numbers))];
  return magnitude | (random.chance(2) ? top : 0);
}

template <typename Make>
Bytes elements(const ValueType& type, size_t count, const Make& make) {
  Bytes bytes(count * type.bytes);
  for (size_t i = 0; i < count; ++i) {
    store_element(type, bytes.data() + i * type.bytes, make());
  }
  return bytes;
}

inline Bytes weights(Random& random, const ValueType& type, size_t count) {
  return elements(type, count, [&] { return weight(random, type); });
}

inline Bytes extremes(Random& random, const ValueType& type, size_t count) {
  return elements(type, count, [&] { return extreme(random, type); });
}

// Each element moved by at most `reach` places: floats in the order of floats.
inline Bytes moved(Random& random, const ValueType& type, Bytes bytes, uint64_t reach) {
  for (size_t at = 0; at + type.bytes <= bytes.size(); at += type.bytes) {
    const uint64_t bits = load_element(type, bytes.data() + at);
    const auto by = static_cast<uint64_t>(small_number(random, reach));
    uint64_t to = bits + by;
    if (type.kind == ValueKind::floating) {
      const auto order = static_cast<uint64_t>(to_order(type.format, bits)) + by;
      to = from_order(type.format, extend_sign(type, order));
    }
    store_element(type, bytes.data() + at, to);
  }
  return bytes;
}

// Weights, noise, extremes, one value, or a mixture.
inline Bytes any_elements(Random& random, const ValueType& type, size_t count) {
  switch (random.below(5)) {
    case 0:
      return weights(random, type, count);
    case 1:
      return random.bytes(count * type.bytes);
    case 2:
      return extremes(random, type, count);
    case 3:
      return Bytes(count * type.bytes, random.byte());
    default:
      return elements(type, count, [&] {
        return random.chance(3) ? extreme(random, type) : weight(random, type);
      });
  }
}

}  // namespace mallorn::test
