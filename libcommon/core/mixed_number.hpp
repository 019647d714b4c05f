// Elements as codec `mixed` sees them (docs/format/mixed.md, "Numbers"): as places in the
// order of all elements of their type, and as numbers of fixed point.
#pragma once

#include <cstdint>

#include "libcommon/core/float_value.hpp"
#include "libcommon/core/value_model.hpp"

namespace mallorn {

// False for dtypes that codec `mixed` does not take: those of more than four bytes among
// them.
constexpr bool mixed_type(Dtype dtype, ValueType* type) {
  return value_type(dtype, type) && type->bytes <= 4;
}

class MixedNumbers {
 public:
  static constexpr int64_t kMost = 1 << 30;  // no number is beyond, of either sign

  constexpr MixedNumbers() = default;
  // `zero` is what stands for zero; `greatest`, of floats, the exponent field of those that
  // are just below kMost.
  constexpr MixedNumbers(const ValueType& type, int32_t zero, uint32_t greatest)
      : type_(type), zero_(zero), greatest_(greatest) {}

  constexpr uint32_t bits() const { return 8 * type_.bytes; }
  constexpr bool is_float() const { return type_.kind == ValueKind::floating; }
  constexpr uint64_t places() const { return uint64_t{1} << bits(); }
  // The place of zero; of floats, of +0.
  constexpr uint64_t middle() const { return places() / 2; }

  uint64_t place(const uint8_t* from) const {
    const uint64_t number =
        is_float() ? static_cast<uint64_t>(to_order(type_.format, load_bits(type_, from)))
                   : load_number(type_, from) - static_cast<uint64_t>(int64_t{zero_});
    return (number + middle()) & (places() - 1);
  }

  void store(uint8_t* to, uint64_t place) const {
    const int64_t order = order_of(place);
    const uint64_t bits =
        is_float() ? from_order(type_.format, order) : static_cast<uint64_t>(order + zero_);
    if (type_.bytes == 1) {
      *to = static_cast<uint8_t>(bits);
    } else {
      store_bits(type_, to, bits);
    }
  }

  constexpr int64_t number(uint64_t place) const {
    const int64_t order = order_of(place);
    if (is_float()) return order < 0 ? -size(-1 - order) : size(order);
    return bits() == 32 ? order >> 2 : order * (kMost >> bits());
  }

  // The bound between the numbers of the places below and those from here on.
  constexpr int64_t bound(uint64_t place) const {
    const int64_t order = order_of(place);
    if (is_float()) return order < 0 ? -size(-order) : size(order);
    const int64_t twice = 2 * order - 1;
    return bits() == 32 ? twice >> 3 : twice * (kMost >> (bits() + 1));
  }

 private:
  constexpr int64_t order_of(uint64_t place) const {
    return static_cast<int64_t>(place) - static_cast<int64_t>(middle());
  }

  // Of a float without its sign.
  constexpr int64_t size(int64_t magnitude) const {
    const uint32_t mantissa_bits = type_.format.mantissa_bits;
    const int64_t field = magnitude >> mantissa_bits;
    const int64_t fraction = magnitude & ((int64_t{1} << mantissa_bits) - 1);
    const int64_t hidden = int64_t{field != 0} << mantissa_bits;
    const int64_t down = int64_t{greatest_} - (field == 0 ? 1 : field);
    if (down < 0) return kMost - 1;
    const int64_t significand = (hidden | fraction) << (29 - mantissa_bits);
    return down > 30 ? 0 : significand >> down;
  }

  ValueType type_{};
  int32_t zero_ = 0;
  uint32_t greatest_ = 0;
};

}  // namespace mallorn
