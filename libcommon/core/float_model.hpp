// FloatModel: codes floats of up to 32 bits, given those of the base
// (docs/format/values.md, "Prediction" and "Floats").
//
// Where a float is expected follows from the base and from how far those before it were
// away. The one right before it does not count there yet: a loop works out the place of the
// next float before it codes this one, and waits for nothing.
#pragma once

#include <cstdint>
#include <type_traits>

#include "libcommon/core/float_value.hpp"
#include "libcommon/core/grain_model.hpp"
#include "libcommon/core/matrix_spread.hpp"
#include "libcommon/core/residual_model.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

// What the float of the base becomes: it is multiplied by gain / 2^12, and
// shift * 2^exponent is added, as guess_float() says.
struct FloatMove {
  int32_t gain;
  int32_t shift;
  int32_t exponent;
};

class FloatModel {
 public:
  struct NoMoves {};  // floats are expected to stay what they are

  // Codes the `count` floats of a row, one or more. `move_at` gives the FloatMove of a
  // column, or is NoMoves.
  template <Dtype dtype, typename Coder, typename MoveAt>
  [[gnu::always_inline]] void code_row(Coder& coder, ResidualModel* residual_model,
                                       MatrixSpread* matrix_spread, const MoveAt& move_at,
                                       uint32_t count, const uint8_t* base,
                                       uint8_t* values) {
    constexpr ValueType type = value_type_of(dtype);
    constexpr bool is_plain = std::is_same_v<MoveAt, NoMoves>;
    MatrixSpread::Row spread(*matrix_spread);
    ResidualModel::Run residuals(*residual_model);
    const auto place_at = [&](uint32_t column, const Expected& expected)
        __attribute__((always_inline)) {
      const uint8_t* const at = base + size_t{column} * type.bytes;
      const auto bits = static_cast<uint32_t>(load_bits(type, at));
      if constexpr (is_plain) return same_place(type.format, bits, expected);
      if constexpr (!is_plain) {
        return moved_place(type.format, bits, move_at(column), expected);
      }
    };
    uint32_t j = 0;
    // One place waits while the other one is used: no loop has to move them.
    const auto step = [&](const Place& now, Place* next) __attribute__((always_inline)) {
      if (j + 1 < count) *next = place_at(j + 1, spread.next_expected());
      store_bits(type, values,
                 code_float<is_plain>(coder, type, now, &residuals, &spread,
                                      load_bits(type, values)));
      spread.next_column();
      values += type.bytes;
      return ++j < count;
    };
    Place even = place_at(0, spread.expected());
    Place odd = even;
    while (step(even, &odd) && step(odd, &even)) {
    }
  }

 private:
  // Where a float is expected.
  struct Place {
    uint32_t base;  // the bits of that of the base
    uint32_t grain;
    int32_t guess;  // in the order of the grain
    int32_t exponent;
    ResidualPlace residual;
    bool may_stay;  // floats share the guess, but that of the base is likelier than others
  };

  static uint32_t grain_of(FloatFormat format, const Expected& expected) {
    return expected.is_known ? GrainModel::grain_for(format, expected.size) : 1;
  }

  // The same as moved_place() without gain and shift; the guess is same_guess(). Phases do
  // not matter then: floats that are whole have none, and where others are, residuals are
  // long.
  [[gnu::always_inline]] static Place same_place(FloatFormat format, uint32_t base,
                                                 const Expected& expected) {
    const uint32_t grain = grain_of(format, expected);
    const auto magnitude = base & static_cast<uint32_t>(format.sign() - 1);
    const uint32_t field = magnitude >> format.mantissa_bits;
    const uint32_t exponent = field > 0 ? field : 1;
    const auto unit = static_cast<int32_t>(exponent > grain ? exponent : grain);
    return {base,
            grain,
            0,
            unit,
            ResidualModel::place(expected, unit, ResidualModel::kMiddle),
            exponent < grain};
  }

  // What is guessed of a float that is expected to stay, rounded towards zero.
  [[gnu::always_inline]] static int64_t same_guess(FloatFormat format, const Place& at) {
    const bool is_zero = (at.base & (format.sign() - 1)) == 0;
    return at.may_stay && is_zero ? 0 : to_order(format, at.base, at.grain);
  }

  [[gnu::always_inline]] static Place moved_place(FloatFormat format, uint32_t base,
                                                  const FloatMove& move,
                                                  const Expected& expected) {
    const uint32_t grain = grain_of(format, expected);
    const Guess guess =
        guess_float(format, base, move.gain, move.shift, move.exponent, grain);
    const int32_t field = exponent_at(format, guess.order);
    const int32_t exponent = (field > 0 ? field : 1) + static_cast<int32_t>(grain) - 1;
    const bool has_moved = move.gain != 1 << kFloatGainBits || move.shift != 0;
    return {base,
            grain,
            static_cast<int32_t>(guess.order),
            exponent,
            ResidualModel::place(expected, exponent, guess.phase),
            !has_moved && !is_whole(format, base & (format.sign() - 1), grain)};
  }

  template <bool is_plain, typename Coder>
  [[gnu::always_inline]] uint64_t code_float(Coder& coder, const ValueType& type,
                                             const Place& at, ResidualModel::Run* residuals,
                                             MatrixSpread::Row* spread, uint64_t bits) {
    const FloatFormat format = type.format;
    const auto guess =
        static_cast<uint64_t>(is_plain ? same_guess(format, at) : int64_t{at.guess});
    const auto wanted = static_cast<uint64_t>(to_order(format, bits, at.grain));
    const int64_t residual = residuals->code_at<true>(
        coder, extend_sign(type, wanted - guess), at.exponent, at.residual, spread);
    if (residual == 0) {
      if (is_plain && !at.may_stay) return at.base;  // it is whole
      if (at.may_stay && grains_.code_stays(coder, bits == at.base)) return at.base;
    } else if (is_plain && !at.may_stay) {
      uint64_t moved;
      if (add_residual(format, at, residual, &moved)) [[likely]]
        return moved;
    }
    const int64_t order = extend_sign(type, guess + static_cast<uint64_t>(residual));
    return grains_.code(coder, format, at.grain, order, bits);
  }

  // Of a whole float: the one so many places away, if that is whole, too, and has its sign:
  // nothing is left to code then, and grains do not matter.
  [[gnu::always_inline]] static bool add_residual(FloatFormat format, const Place& at,
                                                  int64_t residual, uint64_t* bits) {
    const uint64_t sign = at.base & format.sign();
    const uint64_t below = 0 - (sign >> (format.bits - 1));
    const uint64_t magnitude = at.base & (format.sign() - 1);
    const uint64_t moved = magnitude + ((static_cast<uint64_t>(residual) ^ below) - below);
    *bits = sign | moved;
    const uint64_t least = at.grain == 1 ? 0 : uint64_t{at.grain} << format.mantissa_bits;
    return moved - least < format.sign() - least;
  }

  GrainModel grains_{};
};

}  // namespace mallorn
