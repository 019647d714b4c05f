// Block fields: how the bytes of one element or block of each dtype divide into fields, how
// residuals of a field are taken, and which of its bytes make one plane.
//
// Encoder and decoder of codec 2 both read this one table (docs/format/planes.md, sections
// 4 and 5). Scalar dtypes are blocks of one field.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"

namespace mallorn {

inline constexpr size_t kPlaneRun = 32;  // numbers that transforms treat at a time

// How a section is transformed; the first byte of what codec 2 writes. Frozen numbers.
enum class PlaneMode : uint8_t {
  direct = 0,    // elements of the result alone
  residual = 1,  // differences to the elements of the base
  ordered = 2,   // residual, elements sorted by the magnitude that they have in the base
};

// What the numbers in a field are. Frozen only through the table.
enum class Lane : uint8_t {
  bytes,    // differences modulo 256
  nibbles,  // two 4-bit numbers in a byte, differences modulo 16
  crumbs,   // four 2-bit numbers in a byte, differences modulo 4
  bits,     // exclusive or
  scales,   // 12 bytes: eight 6-bit scales and eight 6-bit minima of q4_k and q5_k
  part,     // low or high bits of numbers that a CodeField puts together
  f8,       // floats of 8 bits with a sign: differences of monotone(), modulo 256
  u16,
  u32,
  u64,
  i16,
  i32,
  i64,
  f16,
  f32,
  f64,
};

// How the numbers of a lane are mapped before their bytes are split
// (docs/format/planes.md).
enum class Kind : uint8_t { natural, integer, floating };

// Calls visitor.operator()<T, kind>() with the type that holds a number of `lane` and its
// kind, and returns true; returns false for lanes of single bytes and of numbers within
// bytes.
template <typename Visitor>
constexpr bool visit_numbers(Lane lane, const Visitor& visitor) {
  switch (lane) {
    case Lane::u16:
      visitor.template operator()<uint16_t, Kind::natural>();
      return true;
    case Lane::u32:
      visitor.template operator()<uint32_t, Kind::natural>();
      return true;
    case Lane::u64:
      visitor.template operator()<uint64_t, Kind::natural>();
      return true;
    case Lane::i16:
      visitor.template operator()<uint16_t, Kind::integer>();
      return true;
    case Lane::i32:
      visitor.template operator()<uint32_t, Kind::integer>();
      return true;
    case Lane::i64:
      visitor.template operator()<uint64_t, Kind::integer>();
      return true;
    case Lane::f16:
      visitor.template operator()<uint16_t, Kind::floating>();
      return true;
    case Lane::f32:
      visitor.template operator()<uint32_t, Kind::floating>();
      return true;
    case Lane::f64:
      visitor.template operator()<uint64_t, Kind::floating>();
      return true;
    default:
      return false;
  }
}

// Bytes of one number of a lane; 1 for lanes of numbers within bytes.
constexpr size_t lane_width(Lane lane) {
  size_t width = 1;
  visit_numbers(lane, [&width]<typename T, Kind>() { width = sizeof(T); });
  return width;
}

// `count` numbers of lane_width() bytes; the first at `offset` in the block, then one every
// `stride` bytes.
struct Field {
  uint16_t offset;
  uint16_t count;
  uint8_t stride;
  Lane lane;
};

// Numbers of `bits` bits packed into bytes in runs: number e is in byte
// (e / (run * n)) * run + e % run, from bit bits * (e / run % n) up, where n = 8 / bits.
struct Packing {
  uint16_t offset;
  uint8_t bits;
  uint8_t run;
};

// `count` numbers (at most 256), each of low.bits + high.bits bits, in two fields of lane
// `part`, or in one (high.bits 0).
struct CodeField {
  uint16_t count;
  Packing low;
  Packing high;
};

struct BlockFields {
  const Field* fields;
  size_t field_count;
  const CodeField* codes;
  size_t code_count;
};

// The fields of `dtype`; those of `opaque` for a number not in the table.
BlockFields block_fields(Dtype dtype);

// True if sections of `dtype` may be coded in `mode`: `ordered` is for floats alone.
[[nodiscard]] bool has_mode(Dtype dtype, PlaneMode mode);

// Bytes of a block as codec 2 sees it: those of dtype_layout(), but 4 for c64, 8 for c128.
size_t plane_block_bytes(Dtype dtype);

// Byte `significance` (0: least) of every number of `field` makes one plane.
struct Plane {
  Field field;
  size_t significance;
};

// Plane `index` of `dtype`: fields in table order, most significant byte of a number first.
// False after the last.
[[nodiscard]] bool plane_of(Dtype dtype, size_t index, Plane* plane);

// The code numbers of one block.
void unpack_codes(const CodeField& field, const uint8_t* block, uint8_t* codes);
void pack_codes(const CodeField& field, const uint8_t* codes, uint8_t* block);

// The 16 numbers in the 12 bytes of a field of lane `scales`: scales, then minima.
void unpack_scales(const uint8_t* from, uint8_t* scales);
void pack_scales(const uint8_t* scales, uint8_t* to);

// Maps differences near zero, of either sign, to small numbers: 0, -1, 1, -2 to 0, 1, 2, 3.
template <typename T>
constexpr T zigzag(T difference) {
  const T sign = static_cast<T>(T{0} - static_cast<T>(difference >> (8 * sizeof(T) - 1)));
  return static_cast<T>(static_cast<T>(difference << 1) ^ sign);
}

template <typename T>
constexpr T unzigzag(T coded) {
  return static_cast<T>(static_cast<T>(coded >> 1) ^ static_cast<T>(T{0} - (coded & T{1})));
}

// The same for numbers of `bits` bits, 2 to 8.
constexpr uint8_t zigzag_bits(uint8_t difference, unsigned bits) {
  const unsigned sign = 0u - ((unsigned{difference} >> (bits - 1)) & 1u);
  return static_cast<uint8_t>(((unsigned{difference} << 1) ^ sign) & ((1u << bits) - 1u));
}

constexpr uint8_t unzigzag_bits(uint8_t coded) {
  return static_cast<uint8_t>((unsigned{coded} >> 1) ^ (0u - (unsigned{coded} & 1u)));
}

// Float bits to a number that grows with the float, two's complement; its own inverse.
template <typename T>
constexpr T monotone(T bits) {
  constexpr unsigned kTop = 8 * sizeof(T) - 1;
  const T sign = static_cast<T>(T{0} - static_cast<T>(bits >> kTop));
  return static_cast<T>(bits ^ static_cast<T>(static_cast<T>(sign << 1) >> 1));
}

// Float bits with the sign in the lowest bit and the exponent on top.
template <typename T>
constexpr T rotate_sign_down(T bits) {
  return static_cast<T>(static_cast<T>(bits << 1) |
                        static_cast<T>(bits >> (8 * sizeof(T) - 1)));
}

template <typename T>
constexpr T rotate_sign_up(T bits) {
  return static_cast<T>(static_cast<T>(bits >> 1) |
                        static_cast<T>(bits << (8 * sizeof(T) - 1)));
}

// The form in which a number is split into planes, and back. With a residual, `base` is the
// number at the same place in the base.
template <typename T, Kind kind, bool is_residual>
constexpr T reduce(T value, [[maybe_unused]] T base) {
  if constexpr (is_residual && kind == Kind::floating) {
    return zigzag(static_cast<T>(monotone(value) - monotone(base)));
  } else if constexpr (is_residual) {
    return zigzag(static_cast<T>(value - base));
  } else if constexpr (kind == Kind::floating) {
    return rotate_sign_down(value);
  } else if constexpr (kind == Kind::integer) {
    return zigzag(value);
  } else {
    return value;
  }
}

template <typename T, Kind kind, bool is_residual>
constexpr T restore(T coded, [[maybe_unused]] T base) {
  if constexpr (is_residual && kind == Kind::floating) {
    return monotone(static_cast<T>(monotone(base) + unzigzag(coded)));
  } else if constexpr (is_residual) {
    return static_cast<T>(base + unzigzag(coded));
  } else if constexpr (kind == Kind::floating) {
    return rotate_sign_up(coded);
  } else if constexpr (kind == Kind::integer) {
    return unzigzag(coded);
  } else {
    return coded;
  }
}

// Where a float stands in the order of mode `ordered`: its highest eight bits below the
// sign.
template <typename T>
constexpr uint8_t magnitude_class(T bits) {
  return static_cast<uint8_t>(static_cast<T>(bits << 1) >> (8 * sizeof(T) - 8));
}

// load_le and store_le of runs of numbers, in one move where the host has their byte order.
template <typename T>
inline void load_run(T* to, const uint8_t* from, size_t count) {
  if constexpr (std::endian::native == std::endian::little) {
    if (count != 0) std::memcpy(to, from, count * sizeof(T));
  } else {
    for (size_t i = 0; i < count; ++i) to[i] = load_le<T>(from + i * sizeof(T));
  }
}

template <typename T>
inline void store_run(uint8_t* to, const T* from, size_t count) {
  if constexpr (std::endian::native == std::endian::little) {
    if (count != 0) std::memcpy(to, from, count * sizeof(T));
  } else {
    for (size_t i = 0; i < count; ++i) store_le<T>(to + i * sizeof(T), from[i]);
  }
}

// Mode `ordered`: the place that the first number of each class takes. Numbers of one class
// stay in file order.
template <typename T>
inline std::array<uint32_t, 256> class_begins(const uint8_t* base, size_t count) {
  std::array<uint32_t, 256> begins{};
  for (size_t i = 0; i < count; ++i) {
    ++begins[magnitude_class(load_le<T>(base + i * sizeof(T)))];
  }
  uint32_t begin = 0;
  for (uint32_t& entry : begins) {
    const uint32_t class_count = entry;
    entry = begin;
    begin += class_count;
  }
  return begins;
}

// to[i] = combine(to[i], from[i]) for i below `length`. The two must not overlap. Constant
// counts and local arrays are what lets the compiler use vector instructions; `combine`
// must be a lambda for that, not a function.
template <size_t n, typename Combine>
inline void combine_fixed(uint8_t* to, const uint8_t* from, const Combine& combine) {
  uint8_t left[n];
  uint8_t right[n];
  std::memcpy(left, to, n);
  std::memcpy(right, from, n);
  for (size_t i = 0; i < n; ++i) left[i] = combine(left[i], right[i]);
  std::memcpy(to, left, n);
}

template <typename Combine>
inline void combine_bytes(uint8_t* to, const uint8_t* from, size_t length,
                          const Combine& combine) {
  for (; length >= 32; length -= 32, to += 32, from += 32) {
    combine_fixed<32>(to, from, combine);
  }
  if (length >= 16) {
    combine_fixed<16>(to, from, combine);
    length -= 16, to += 16, from += 16;
  }
  for (size_t i = 0; i < length; ++i) to[i] = combine(to[i], from[i]);
}

}  // namespace mallorn
