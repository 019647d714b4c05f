// How the elements of a dtype are taken for numbers (docs/format/values.md, "Types").
#pragma once

#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/float_value.hpp"

namespace mallorn {

enum class ValueKind : uint8_t { code, integer, floating };  // code: of eight or four bits

// How the elements of a dtype are taken for numbers.
struct ValueType {
  ValueKind kind;
  uint32_t bytes;
  bool is_signed;
  FloatFormat format;  // of floats
  // Gains are in units of 2 to the minus so much; 0: numbers are too large to be
  // multiplied.
  uint32_t gain_bits;
  bool is_half = false;  // codes of four bits, two in a byte, the first in its lower half

  constexpr int32_t gain_one() const { return 1 << gain_bits; }
  constexpr int32_t max_gain() const { return 32 << gain_bits; }  // and least, below zero
};

// False for dtypes that are none of integers and floats of whole bytes.
constexpr bool value_type(Dtype dtype, ValueType* type) {
  switch (dtype) {
    case Dtype::i8:
      *type = {ValueKind::code, 1, true, {}, 12};
      return true;
    case Dtype::u8:
      *type = {ValueKind::code, 1, false, {}, 12};
      return true;
    case Dtype::i16:
      *type = {ValueKind::integer, 2, true, {}, 24};
      return true;
    case Dtype::u16:
      *type = {ValueKind::integer, 2, false, {}, 24};
      return true;
    case Dtype::i32:
      *type = {ValueKind::integer, 4, true, {}, 24};
      return true;
    case Dtype::u32:
      *type = {ValueKind::integer, 4, false, {}, 24};
      return true;
    case Dtype::i64:
    case Dtype::u64:  // differences are the same modulo 2^64
      *type = {ValueKind::integer, 8, true, {}, 0};
      return true;
    case Dtype::f16:
      *type = {ValueKind::floating, 2, false, kF16, kFloatGainBits};
      return true;
    case Dtype::bf16:
      *type = {ValueKind::floating, 2, false, kBf16, kFloatGainBits};
      return true;
    case Dtype::f32:
      *type = {ValueKind::floating, 4, false, kF32, kFloatGainBits};
      return true;
    case Dtype::f64:
      *type = {ValueKind::floating, 8, false, kF64, 0};
      return true;
    default:
      return false;
  }
}

// The same for a dtype that is known to be one of them.
// The same for codes of four bits, which value_type() does not count.
constexpr bool half_type(Dtype dtype, ValueType* type) {
  if (dtype != Dtype::i4 && dtype != Dtype::u4) return false;
  *type = {ValueKind::code, 1, dtype == Dtype::i4, {}, 12, true};
  return true;
}

constexpr uint64_t elements_in(const ValueType& type, uint64_t bytes) {
  return type.is_half ? 2 * bytes : bytes / type.bytes;
}
// Of as many elements: whole bytes.
constexpr uint64_t bytes_of(const ValueType& type, uint64_t elements) {
  return type.is_half ? elements / 2 : elements * type.bytes;
}

constexpr ValueType value_type_of(Dtype dtype) {
  ValueType type{};
  (void)value_type(dtype, &type);
  return type;
}

// The bits of an element of two bytes or more, and back.
inline uint64_t load_bits(const ValueType& type, const uint8_t* from) {
  return type.bytes == 2   ? load_le<uint16_t>(from)
         : type.bytes == 4 ? load_le<uint32_t>(from)
                           : load_le<uint64_t>(from);
}
inline void store_bits(const ValueType& type, uint8_t* to, uint64_t bits) {
  if (type.bytes == 2) store_le(to, static_cast<uint16_t>(bits));
  if (type.bytes == 4) store_le(to, static_cast<uint32_t>(bits));
  if (type.bytes == 8) store_le(to, bits);
}

// The lowest bits of a number, as many as elements have, as a number with sign.
constexpr int64_t extend_sign(const ValueType& type, uint64_t bits) {
  const uint32_t unused = 64 - 8 * type.bytes;
  return static_cast<int64_t>(bits << unused) >> unused;
}

// An integer or a code, modulo 2^64.
inline uint64_t load_number(const ValueType& type, const uint8_t* from) {
  const uint64_t bits = type.bytes == 1 ? *from : load_bits(type, from);
  return type.is_signed ? static_cast<uint64_t>(extend_sign(type, bits)) : bits;
}

// Codes: the i-th of those from `from` on, as a number.
inline int32_t load_code(const ValueType& type, const uint8_t* from, uint64_t i) {
  if (!type.is_half) return type.is_signed ? static_cast<int8_t>(from[i]) : from[i];
  const int32_t half = from[i / 2] >> (i % 2 * 4) & 15;
  return type.is_signed ? (half ^ 8) - 8 : half;
}
inline void store_code(const ValueType& type, uint8_t* to, uint64_t i, int32_t number) {
  if (!type.is_half) {
    to[i] = static_cast<uint8_t>(number);
    return;
  }
  const uint32_t shift = i % 2 * 4;
  const uint32_t kept = to[i / 2] & ~(15u << shift);
  to[i / 2] = static_cast<uint8_t>(kept | (static_cast<uint32_t>(number) & 15u) << shift);
}

}  // namespace mallorn
