// Floats as whole numbers: exact, the same on every machine, without a floating-point unit
// (docs/format/values.md, "Floats").
#pragma once

#include <bit>
#include <cstdint>

namespace mallorn {

struct FloatFormat {
  uint32_t bits;           // 16, 32 or 64
  uint32_t mantissa_bits;  // without the hidden one

  constexpr uint64_t sign() const { return uint64_t{1} << (bits - 1); }
  // The bits of infinity, without its sign.
  constexpr uint64_t infinity() const {
    return (sign() - 1) >> mantissa_bits << mantissa_bits;
  }
};

// The unit of the last place of the least normal number is 2 to this power.
constexpr int32_t exponent_of_unit(FloatFormat format) {
  const auto exponent_bits = static_cast<int32_t>(format.bits - format.mantissa_bits) - 1;
  return 2 - (1 << (exponent_bits - 1)) - static_cast<int32_t>(format.mantissa_bits);
}

constexpr FloatFormat kF16 = {16, 10};
constexpr FloatFormat kBf16 = {16, 7};
constexpr FloatFormat kF32 = {32, 23};
constexpr FloatFormat kF64 = {64, 52};

// A place counted from zero, on the side of zero where a float is: -1 - place below it.
// (Signs are hard to foresee, so no branch depends on them, here and below.)
constexpr int64_t with_sign_of(FloatFormat format, uint64_t bits, uint64_t place) {
  return static_cast<int64_t>(place ^ (0 - (bits >> (format.bits - 1) & 1)));
}
constexpr uint64_t without_sign(int64_t order) {
  return static_cast<uint64_t>(order ^ (order >> 63));
}

// The place of a float in the order of all floats of its format: 0 is +0, -1 is -0. NaN and
// infinities have their places at both ends.
constexpr int64_t to_order(FloatFormat format, uint64_t bits) {
  return with_sign_of(format, bits, bits & (format.sign() - 1));
}

// Its inverse, for numbers of as many bits as the format has.
constexpr uint64_t from_order(FloatFormat format, int64_t order) {
  return (static_cast<uint64_t>(order >> 63) & format.sign()) | without_sign(order);
}

// The exponent field of the float at a place.
constexpr int32_t exponent_at(FloatFormat format, int64_t order) {
  return static_cast<int32_t>(without_sign(order) >> format.mantissa_bits);
}

// Where floats change by much more than the least of them are apart, those are not told
// apart: in the order of a grain, from 1 on, all floats whose exponent field is below the
// grain count in units of the last place that floats of this field have. Those of one unit
// share a place. Grain 1 is the order of all floats.
constexpr bool is_whole(FloatFormat format, uint64_t magnitude, uint32_t grain) {
  return grain == 1 || magnitude >> format.mantissa_bits >= grain;
}
constexpr uint32_t max_grain(FloatFormat format) {  // the field of infinity
  return static_cast<uint32_t>(format.infinity() >> format.mantissa_bits);
}
constexpr int64_t to_order(FloatFormat format, uint64_t bits, uint32_t grain) {
  const uint64_t magnitude = bits & (format.sign() - 1);
  uint64_t place = magnitude - (uint64_t{grain - 1} << format.mantissa_bits);
  if (!is_whole(format, magnitude, grain)) {
    const auto field = static_cast<uint32_t>(magnitude >> format.mantissa_bits);
    const uint64_t hidden = uint64_t{1} << format.mantissa_bits;
    const uint64_t significand = (magnitude & (hidden - 1)) | (field != 0 ? hidden : 0);
    const uint32_t down = grain - (field != 0 ? field : 1);
    place = down > 63 ? 0 : significand >> down;
  }
  return with_sign_of(format, bits, place);
}

// A prediction: a whole number, and the eighths of a unit by which what was rounded to it
// lies above the middle to the number below: 4 where nothing was rounded.
struct Guess {
  int64_t order;
  uint32_t phase;
};

constexpr uint32_t kFloatGainBits = 12;

// What a float of a format of up to 32 bits becomes when it is multiplied by gain / 2^12
// and shift * 2^exponent is added, in units of the last place of the least normal number.
// `gain` is from -2^17 to 2^17, but not 0. Without either, and for infinities and NaN, it
// stays what it is. The order is that of `grain`: within a unit that floats share, nothing
// is rounded, and phases are eighths of the unit.
constexpr Guess guess_float(FloatFormat format, uint64_t bits, int32_t gain, int32_t shift,
                            int32_t exponent, uint32_t grain = 1) {
  const uint64_t magnitude = bits & (format.sign() - 1);
  if ((gain == 1 << kFloatGainBits && shift == 0) || magnitude >= format.infinity()) {
    return {to_order(format, bits, grain), 4};
  }
  const auto field = static_cast<int32_t>(magnitude >> format.mantissa_bits);
  const uint64_t fraction =
      magnitude - (static_cast<uint64_t>(field) << format.mantissa_bits);
  const uint64_t hidden = uint64_t{field != 0} << format.mantissa_bits;
  // sum * 2^place is the value, in these units.
  const int64_t significand = static_cast<int64_t>(hidden | fraction);
  auto sum = significand * gain;
  const auto below = static_cast<int64_t>(0 - (bits >> (format.bits - 1) & 1));
  sum = (sum ^ below) - below;
  int32_t place = (field == 0 ? 0 : field - 1) - static_cast<int32_t>(kFloatGainBits);
  if (shift != 0) {
    // The one of both that stands higher comes down to the other, if it can.
    const int32_t up = place - exponent;
    const int32_t most = up < 20 ? up : 20;
    const int32_t left = most > 0 ? most : 0;
    const int32_t right = most < 0 ? (most < -63 ? 63 : -most) : 0;
    const int32_t shift_right = up > 31 ? 31 : up > 20 ? up : 0;
    sum = (up > 20 ? sum
                   : static_cast<int64_t>(static_cast<uint64_t>(sum) << left) >> right) +
          (shift >> shift_right);
    place = up > 20 ? place : exponent;
  }
  if (sum == 0) return {0, 4};  // it has no leading one that says what its last place is
  // To eighths of the last place.
  const int64_t sign = sum >> 63;
  const auto size = static_cast<uint64_t>((sum ^ sign) - sign);
  const auto length = static_cast<int32_t>(std::bit_width(size));
  int32_t last = place + length - static_cast<int32_t>(format.mantissa_bits) - 1;
  const auto least = static_cast<int32_t>(grain) - 1;
  if (last < least) last = least;
  const int32_t down = last - 3 - place;
  const uint64_t eighths = down > 63 ? 0 : down >= 0 ? size >> down : size << -down;
  const uint32_t field_bits = format.mantissa_bits + 3;
  uint64_t order = eighths + (static_cast<uint64_t>(last - least) << field_bits);
  const uint64_t most =
      (format.infinity() << 3) - 8 - (static_cast<uint64_t>(least) << field_bits);
  if (order > most) order = most;
  const bool rounds = grain == 1 || order >> field_bits != 0;
  const auto from_zero = static_cast<int64_t>(order) + (rounds ? 4 : 0);
  const int64_t rounded = (from_zero ^ sign) - (rounds ? sign : 0);
  return {rounded >> 3, static_cast<uint32_t>(rounded & 7)};
}

}  // namespace mallorn
