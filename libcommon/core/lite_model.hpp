// The models of profile `lite` (docs/format/lite.md): few, and small, since a device keeps
// them beside all else in one kilobyte. One text for encoder and decoder.
//
// They are one array of probabilities, and each has its place in it. A coder has
// `uint32_t bit(uint32_t model, uint32_t wanted)` and, for bits that are as likely zero as
// one, `uint32_t raw(uint32_t wanted, uint32_t count)`, count up to 32. An encoder writes
// what is wanted and returns it; a decoder returns what it reads. `want(number)` is the
// number in an encoder, and 0 in a decoder, so that what is computed for an encoder only
// costs a decoder nothing. `state` is the LiteState of lite_format.hpp. Arithmetic is on
// unsigned numbers wherever hostile input could make it wrap.
//
// Functions are static: what is called once costs a device least where it is called.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mallorn {

// A probability in 13 bits, and in 3 how much it has learned: fast while that is little.
struct LiteBit {
  static constexpr uint16_t kStart = 0x8000;
  static constexpr uint32_t kHalf = kStart;
  static constexpr uint32_t kCountMask = 7;
  // How far to go, in 65536ths, by how often it went before.
  static constexpr std::array<uint16_t, 8> kLiteRates = {32768, 21845, 16384, 11000,
                                                         7000,  4500,  2600,  1300};
  uint16_t state;

  // Of a one, in 65536ths: from 8 to 65528.
  uint32_t probability() const { return state & ~kCountMask; }

  [[gnu::always_inline]] void update(uint32_t bit) {
    uint32_t count = state & kCountMask;
    const auto p16 = static_cast<int32_t>(probability());
    const auto target = static_cast<int32_t>(8 + (bit << 16) - (bit << 4));
    const int32_t step = ((target - p16) * kLiteRates[count]) >> 16;
    const uint32_t moved = static_cast<uint32_t>(p16 + 4 + step) & ~kCountMask;
    // Counts from 3 on last longer: they grow only now and then, as the last bits of the
    // probability happen to be. (Written twice: that costs a device less than a sum.)
    if (count != kCountMask && (moved & ((2u << count) - 1)) == 0) {
      state = static_cast<uint16_t>(moved + count + 1);
    } else {
      state = static_cast<uint16_t>(moved + count);
    }
  }
};

// Where the models are. Those of codes and those of bytes and floats share their places.
struct LitePlaces {
  // heads of steps
  static constexpr uint32_t kKind = 0;               // tree of 3 bits
  static constexpr uint32_t kLength = kKind + 7;     // tree of 4
  static constexpr uint32_t kNumber = kLength + 15;  // tree of 4
  static constexpr uint32_t kIsOwn = kNumber + 15;
  static constexpr uint32_t kIsStraight = kIsOwn + 1;
  static constexpr uint32_t kIsLikeLast = kIsStraight + 1;
  static constexpr uint32_t kHasGains = kIsLikeLast + 1;
  static constexpr uint32_t kIsOne = kHasGains + 1;
  static constexpr uint32_t kIsAsLast = kIsOne + 1;
  // numbers
  static constexpr uint32_t kMoves = kIsAsLast + 1;         // 10
  static constexpr uint32_t kLonger = kMoves + 10;          // 2 * 5
  static constexpr uint32_t kShorter = kLonger + 10;        // 2 * 5
  static constexpr uint32_t kNumberIsDown = kShorter + 10;  // 3
  static constexpr uint32_t kSecond = kNumberIsDown + 3;    // 10
  static constexpr uint32_t kShared = kSecond + 10;
  // codes
  static constexpr uint32_t kCodeMoves = kShared;              // 4 * 5 * 2
  static constexpr uint32_t kCodeIsDown = kCodeMoves + 40;     // 10
  static constexpr uint32_t kCodeIsLonger = kCodeIsDown + 10;  // 4 * 5
  // bytes
  static constexpr uint32_t kIsHit = kShared;  // 12
  static constexpr uint32_t kByteIsBelow = kIsHit + 12;
  static constexpr uint32_t kByteSize = kByteIsBelow + 1;  // tree of 5
  static constexpr uint32_t kByteLow = kByteSize + 31;     // 3 trees of 2
  // floats
  static constexpr uint32_t kDepth = kByteLow + 9;  // tree of 4
  static constexpr uint32_t kFloatIsBelow = kDepth + 15;
  static constexpr uint32_t kTop = kFloatIsBelow + 1;  // tree of 3
  // stays as it begins: of bits that are as likely zero as one, in a decoder
  static constexpr uint32_t kRaw = kTop + 7;
  static constexpr uint32_t kEnd = kRaw + 1;
};
static_assert(LitePlaces::kCodeIsLonger + 20 <= LitePlaces::kRaw);
// How far sets of kShorter are behind those of kLonger.
constexpr uint32_t kLiteShorter = LitePlaces::kShorter - LitePlaces::kLonger;

using LiteBits = std::array<LiteBit, LitePlaces::kEnd>;

// A symbol of `bits` bits by a binary tree of 2^bits - 1 models, most significant bit
// first.
template <typename Coder>
static uint32_t code_lite_tree(Coder& coder, uint32_t first, uint32_t bits,
                               uint32_t symbol) {
  const uint32_t end = 1u << bits;
  uint32_t node = 1;
  --first;
  while (node < end) {
    --bits;  // of no use to a decoder, which saves a register by that
    node = 2 * node + coder.bit(first + node, symbol >> bits & 1u);
  }
  return node - end;
}

// A number below 2^30: how many pairs of bits it takes by a tree, and the bits.
template <typename Coder>
static uint32_t code_lite_number(Coder& coder, uint32_t tree, uint32_t number) {
  number = coder.want(number);
  const auto bits = static_cast<uint32_t>(std::bit_width(number));
  return coder.raw(number, 2 * code_lite_tree(coder, tree, 4, (bits + 1) / 2));
}

// A byte, given what is expected of it. Words change from their first byte on: so where
// nothing has changed for a while, it is the place in a word that tells most.
template <typename Coder>
static uint32_t code_lite_byte(Coder& coder, uint32_t byte, uint32_t expected,
                               uint32_t position) {
  const auto wanted = static_cast<int8_t>(byte - expected);
  const uint32_t hits = coder.state.hits;
  const uint32_t context = hits == 15 ? 8 + (position & 3) : hits & 7u;
  const uint32_t hit = coder.bit(LitePlaces::kIsHit + context, wanted == 0 ? 1 : 0);
  coder.state.hits = static_cast<uint8_t>(2 * (hits & 7u) + hit);
  if (hit != 0) return expected;
  const uint32_t below = coder.bit(LitePlaces::kByteIsBelow, wanted < 0 ? 1 : 0);
  const auto size = static_cast<uint32_t>(wanted < 0 ? -1 - wanted : wanted - 1);
  const uint32_t high = code_lite_tree(coder, LitePlaces::kByteSize, 5, size >> 2);
  const uint32_t tree = LitePlaces::kByteLow + (high < 2 ? 3 * high : 6);
  const uint32_t coded = 1 + 4 * high + code_lite_tree(coder, tree, 2, size & 3);
  return expected + ((coded ^ (0 - below)) + below);
}

// So many ones, and a zero if there are fewer than `most`. After five the last model stays.
template <typename Coder>
[[gnu::noinline]] static uint32_t code_lite_count(Coder& coder, uint32_t first,
                                                  uint32_t most, uint32_t wanted) {
  uint32_t count = 0;
  while (count < most && coder.bit(first, count < wanted ? 1 : 0) != 0) {
    if (count < 4) ++first;
    ++count;
  }
  return count;
}

// A size, at least 1: whether it has more bits than expected, then how many more or fewer,
// in unary; the bit below the leading one; the others. `longer` is a set of five models,
// and kLiteShorter behind it is another, if `expected` is above 1. Leaves how many bits it
// has in state.length.
template <typename Coder>
static uint32_t code_lite_size(Coder& coder, uint32_t longer, uint32_t expected,
                               uint32_t size) {
  const auto wanted = static_cast<uint32_t>(std::bit_width(size));
  uint32_t bits = expected + code_lite_count(coder, longer, 32 - expected,
                                             wanted > expected ? wanted - expected : 0);
  if (bits == expected) {
    bits -= code_lite_count(coder, longer + kLiteShorter, expected - 1, expected - wanted);
  }
  coder.state.length = static_cast<uint8_t>(bits);
  uint32_t coded = 1;
  uint32_t left = bits - 1;
  if (left > 0) {
    --left;
    coded = 2 + coder.bit(LitePlaces::kSecond + (left < 9 ? left : 9), size >> left & 1u);
  }
  return coded << left | coder.raw(size & ((1u << left) - 1), left);
}

// A code of eight bits, given what that of the base becomes in the new quantization, in
// units of 1 / 4096: both as if they had no sign, from 0 to 255.
template <typename Coder>
static uint32_t code_lite_code(Coder& coder, uint32_t code, int32_t predicted,
                               bool has_gain) {
  auto& state = coder.state;
  const int32_t rounded = predicted + 2048;
  uint32_t step = rounded < 0 ? 0 : static_cast<uint32_t>(rounded) >> 12;
  if (step > 255) step = 255;
  uint32_t phase = static_cast<uint32_t>(rounded) >> 9 & 7u;
  uint32_t folded = phase ^ ((phase >> 2) * 7);  // from 4 on: 7 less phase
  if (!has_gain) {
    phase = state.last_code == 1 ? 9 : 8;
    folded = 4;
  }
  auto level = static_cast<uint32_t>(state.average) >> 3;
  level = 5 * (level < 3 ? level : 3);
  const auto residual = coder.want(static_cast<int32_t>(code - step));
  uint32_t size = 0;
  uint8_t last = 0;
  if (coder.bit(
          LitePlaces::kCodeMoves + 2 * (level + folded) + (state.last_code != 0 ? 1 : 0),
          residual != 0 ? 1 : 0) != 0) {
    const uint32_t is_down =
        coder.bit(LitePlaces::kCodeIsDown + phase, residual < 0 ? 1 : 0);
    size = code_lite_size(coder, LitePlaces::kCodeIsLonger + level, 1,
                          static_cast<uint32_t>(residual < 0 ? -residual : residual)) &
           0xFF;
    last = is_down != 0 ? 2 : 1;
    step = is_down != 0 ? step - size : step + size;
  }
  state.last_code = last;
  state.average = static_cast<uint16_t>(
      state.average + ((static_cast<int32_t>(size) * 16 - state.average + 4) >> 3));
  return step;
}

// How far a number is from what was expected of it: values.md, section 10, has the reasons.
template <typename Coder>
[[gnu::always_inline]] static inline uint32_t code_lite_residual(Coder& coder,
                                                                 int32_t residual,
                                                                 int32_t exponent) {
  auto& state = coder.state;
  const int32_t above = state.expected - 16 * exponent;
  const int32_t half = (above + 4) >> 3;
  const uint32_t place = half < -1 ? 0 : half > 8 ? 9u : static_cast<uint32_t>(half + 1);
  uint32_t coded = 0;
  uint8_t last = 0;
  state.length = 0;
  if (coder.bit(LitePlaces::kMoves + place, residual != 0 ? 1 : 0) != 0) {
    const uint32_t is_down =
        coder.bit(LitePlaces::kNumberIsDown + state.last_number, residual < 0 ? 1 : 0);
    coded = code_lite_size(coder, LitePlaces::kLonger + (half > 5 ? 5 : 0),
                           half < 2    ? 1u
                           : half > 62 ? 31u
                                       : static_cast<uint32_t>(half) / 2,
                           residual < 0 ? 0 - static_cast<uint32_t>(residual)
                                        : static_cast<uint32_t>(residual));
    last = is_down != 0 ? 1 : 2;
    if (is_down != 0) coded = 0 - coded;
  }
  state.last_number = last;
  const int32_t missed = 16 * state.length - above;
  state.expected = static_cast<uint16_t>(state.expected + ((missed + 8) >> 4));
  return coded;
}

// A float on its own, by the place of its exponent below the greatest.
template <typename Coder>
static uint32_t code_lite_float(Coder& coder, uint32_t mantissa_bits, uint32_t sign,
                                uint32_t greatest, uint32_t wanted) {
  constexpr uint32_t kDeep = 15;
  const uint32_t magnitude = wanted & (sign - 1);
  const uint32_t depth = greatest - (magnitude >> mantissa_bits);
  uint32_t coded =
      code_lite_tree(coder, LitePlaces::kDepth, 4, depth < kDeep ? depth : kDeep);
  if (coded == kDeep) coded += code_lite_number(coder, LitePlaces::kNumber, depth - kDeep);
  const uint32_t exponent = coded > greatest ? 0 : greatest - coded;
  sign *= coder.bit(LitePlaces::kFloatIsBelow, (wanted & sign) != 0 ? 1 : 0);
  const uint32_t low_bits = mantissa_bits - 3;
  const uint32_t high = exponent << 3 | code_lite_tree(coder, LitePlaces::kTop, 3,
                                                       magnitude >> low_bits & 7u);
  const uint32_t low = coder.raw(magnitude & ((1u << low_bits) - 1), low_bits);
  return sign | high << low_bits | low;
}

// Twice the product of a number up to 2^31 and a fraction of 24 bits (those above do not
// count), without what is behind the point. Many devices have no instruction for products
// of 64 bits, and bit by bit costs less code than by halves.
constexpr uint32_t lite_twice_product(uint32_t number, uint32_t fraction) {
  uint32_t twice = 0;
  for (uint32_t i = 0; i < 24; ++i, fraction >>= 1) {
    twice >>= 1;
    if ((fraction & 1) != 0) twice += number;
  }
  return twice;
}

// About the product of two binary32 numbers: what rounding to nearest gives, but for ties,
// where both and the product are normal numbers; elsewhere any number.
constexpr uint32_t lite_f32_product(uint32_t a, uint32_t b) {
  // With the signs above, whose sum is that of the product; less what carries add.
  uint32_t exponent = (a >> 23) + (b >> 23) - 127;
  uint32_t high = lite_twice_product((a << 8 | 0x80000000u) >> 1, b | 1u << 23);
  if (high < 0x80000000u) {
    high <<= 1;
    --exponent;
  }
  return (exponent << 23) + ((high >> 7) + 1) / 2;
}

}  // namespace mallorn
