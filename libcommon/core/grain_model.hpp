// GrainModel: codes which of the floats that share a place in the order of a grain is meant
// (docs/format/values.md, "Grains"). They are as likely as one another, but for those next
// to zero.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/float_value.hpp"

namespace mallorn {

class GrainModel {
 public:
  // Up to this many bits of residuals are coded; what is below is left to the grain.
  static constexpr int32_t kKeptBits = 5;

  // For residuals of which bit length plus exponent are `expected` / 1024.
  static constexpr uint32_t grain_for(FloatFormat format, int32_t expected) {
    const int32_t field = (expected >> 10) - kKeptBits;
    const auto most = static_cast<int32_t>(max_grain(format));
    return static_cast<uint32_t>(field < 1 ? 1 : field > most ? most : field);
  }

  // Codes the bits of the float at the place `order`, any number, of those that share it.
  template <typename Coder>
  [[gnu::always_inline]] uint64_t code(Coder& coder, FloatFormat format, uint32_t grain,
                                       int64_t order, uint64_t bits) {
    const uint64_t place = without_sign(order);
    const uint64_t sign = static_cast<uint64_t>(order >> 63) & format.sign();
    const uint64_t skipped = uint64_t{grain - 1} << format.mantissa_bits;
    if (grain == 1 || place >> format.mantissa_bits != 0) {
      return sign | ((place + skipped) & (format.sign() - 1));
    }
    const auto length = static_cast<uint32_t>(std::bit_width(place));
    if (length == 0 && grain > format.mantissa_bits + 1) {
      return sign | code_least(coder, format, grain - 1 - format.mantissa_bits, bits);
    }
    // The significand goes on below the place, as far as floats of its size do.
    const uint32_t below = format.mantissa_bits + 1 - length;
    const uint32_t left = below < grain - 1 ? below : grain - 1;
    const uint64_t significand = place << left | code_raw(coder, bits, left);
    const uint32_t field = grain - 1 - left;  // less the hidden one
    return sign | (significand + (uint64_t{field} << format.mantissa_bits));
  }

  // Whether a float of the base stays as it is, where its place does.
  template <typename Coder>
  bool code_stays(Coder& coder, bool stays) {
    return stays_.code(coder, stays ? 1 : 0, kLimit) != 0;
  }

 private:
  static constexpr uint32_t kLimit = 126;
  static constexpr uint32_t kDepths = 15;

  // Floats below all units, of exponent field `highest` and less.
  template <typename Coder>
  [[gnu::always_inline]] uint64_t code_least(Coder& coder, FloatFormat format,
                                             uint32_t highest, uint64_t bits) {
    const uint64_t magnitude = bits & (format.sign() - 1);
    const uint64_t below = highest - (magnitude >> format.mantissa_bits);
    uint64_t depth = depth_.code(
        coder, static_cast<uint32_t>(below < kDepths ? below : kDepths), kLimit);
    if (depth == kDepths) depth += beyond_.code_rarely(coder, below - kDepths);
    const uint64_t field = depth < highest ? highest - depth : 0;
    return field << format.mantissa_bits | code_raw(coder, bits, format.mantissa_bits);
  }

  // The lowest `count` bits.
  template <typename Coder>
  [[gnu::always_inline]] static uint64_t code_raw(Coder& coder, uint64_t bits,
                                                  uint32_t count) {
    return coder.code_bits(static_cast<uint32_t>(bits) & ((1u << count) - 1), count);
  }

  BitModel stays_{};
  TreeModel<4> depth_{};
  NumberModel beyond_{};
};

}  // namespace mallorn
