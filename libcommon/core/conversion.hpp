// Elements of one dtype from those of another, as tools that convert models do it: exactly,
// in integers (docs/format/conversions.md). Where a tensor's dtype changed between two
// releases, the converted elements of the base predict those of the result.
#pragma once

#include <compare>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/float_cast.hpp"

namespace mallorn {

// What the elements of the base are, and how they become others.
struct Conversion {
  Dtype from = Dtype::opaque;  // opaque: nothing is converted
  Rounding rounding = Rounding::nearest;

  bool is_none() const { return from == Dtype::opaque; }
  bool operator==(const Conversion&) const = default;
  auto operator<=>(const Conversion&) const = default;
};

// f16, bf16, f32 or f64.
constexpr bool is_plain_float(Dtype dtype) {
  return dtype == Dtype::f16 || dtype == Dtype::bf16 || dtype == Dtype::f32 ||
         dtype == Dtype::f64;
}

// Elements that are binary32 on their way from one dtype to the other, at a time.
constexpr size_t kConvertedElements = 256;

// True if there is such a conversion. Any of f16, bf16, f32, f64, q4_0 to q5_1, q8_0 become
// another of these, and so do q2_k to q6_k; i8 becomes u8, i4 u4, and back. Rounding to
// zero is for bf16 alone.
bool can_convert(const Conversion& conversion, Dtype to);

// True if elements of the base are weights that blocks of `to` are quantized from by a
// search: q2_k to q6_k, iq4_nl, iq4_xs and mxfp4 have no convert(), but codec `blocks`
// takes such weights for a base.
bool has_weights(const Conversion& conversion, Dtype to);

// The least number of bytes of `to` that are converted by themselves: where steps may be
// cut. can_convert(conversion, to), here and below, but for convert() also has_lanes() or
// has_weights().
uint64_t conversion_unit(const Conversion& conversion, Dtype to);
// The same in elements.
size_t conversion_elements(const Conversion& conversion, Dtype to);

// From how many bytes of the base `result_bytes` are converted; false if these are no whole
// units, or it does not fit in 64 bits.
[[nodiscard]] bool converted_from(const Conversion& conversion, Dtype to,
                                  uint64_t result_bytes, uint64_t* base_bytes);

// Both hold whole units, equally many. can_convert(conversion, to).
void convert(const Conversion& conversion, Dtype to, ByteView base, ByteSpan result);

// Elements as binary32, and back; whole blocks of floats or of what has its own scales. Not
// for i8 and its like.
void to_binary32(const Conversion& conversion, const uint8_t* from, size_t count,
                 uint32_t* numbers);
void from_binary32(const Conversion& conversion, Dtype dtype, const uint32_t* numbers,
                   size_t count, uint8_t* to);

// The one byte that stands for a conversion in streams and patches.
uint8_t conversion_to_byte(const Conversion& conversion);
// False, and *conversion untouched, for a byte that stands for none that leads to `to`. It
// may be one that has lanes (lane_conversion.hpp) or weights, which can_convert() does not
// count.
[[nodiscard]] bool conversion_from_byte(uint8_t byte, Dtype to, Conversion* conversion);

}  // namespace mallorn
