// The models of profile `lite` (docs/format/lite.md): few, and small, since a device keeps
// them beside all else in one kilobyte. One text for encoder and decoder.
//
// They are one array of probabilities, and each has its place in it. A coder has
// `uint32_t bit(uint32_t model, uint32_t wanted)` and, for bits that are as likely zero as
// one, `uint32_t raw(uint32_t wanted, uint32_t count)`, count up to 32. An encoder writes
// what is wanted and returns it; a decoder returns what it reads. Arithmetic is on unsigned
// numbers wherever hostile input could make it wrap.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mallorn {

// A probability in 13 bits, and in 3 how much it has learned: fast while that is little.
struct LiteBit {
  static constexpr uint16_t kStart = 0x8000;
  static constexpr uint32_t kCountMask = 7;
  uint16_t state;

  // Of a one, in 65536ths.
  uint32_t probability() const {
    const uint32_t p16 = state & ~kCountMask;
    return p16 < 64 ? 64u : p16 > 65472 ? 65472u : p16;
  }

  void update(uint32_t bit) {
    // How far to go, in 65536ths, by how often it went before.
    constexpr std::array<uint16_t, 8> kRates = {32768, 21845, 16384, 11000,
                                                7000,  4500,  2600,  1300};
    const uint32_t count = state & kCountMask;
    const auto p16 = static_cast<int32_t>(state & ~kCountMask);
    const int32_t target = bit != 0 ? 65528 : 0;
    const auto moved =
        static_cast<uint32_t>(p16 + (((target - p16) * kRates[count] + (4 << 16)) >> 16));
    // Later counts last longer: they grow only now and then, as the last bits of the
    // probability happen to be.
    uint32_t grown = count;
    if (count < 3 || (count < kCountMask && (moved >> 3 & ((1u << (count - 2)) - 1)) == 0))
      ++grown;
    state = static_cast<uint16_t>((moved & ~kCountMask) | grown);
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
  static constexpr uint32_t kIsOne = kHasGains + 1;  // 3
  static constexpr uint32_t kIsAsLast = kIsOne + 3;  // 3
  // numbers
  static constexpr uint32_t kMoves = kIsAsLast + 3;         // 10
  static constexpr uint32_t kLonger = kMoves + 10;          // 2 * 5
  static constexpr uint32_t kShorter = kLonger + 10;        // 2 * 5
  static constexpr uint32_t kNumberIsDown = kShorter + 10;  // 3
  static constexpr uint32_t kSecond = kNumberIsDown + 3;    // 10
  static constexpr uint32_t kThird = kSecond + 10;          // 2
  static constexpr uint32_t kShared = kThird + 2;
  // codes
  static constexpr uint32_t kCodeMoves = kShared;              // 4 * 5 * 2
  static constexpr uint32_t kEdgeMoves = kCodeMoves + 40;      // 2
  static constexpr uint32_t kCodeIsDown = kEdgeMoves + 2;      // 10
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
  static constexpr uint32_t kEnd = kTop + 7;
};
static_assert(LitePlaces::kCodeIsLonger + 20 <= LitePlaces::kEnd);

using LiteBits = std::array<LiteBit, LitePlaces::kEnd>;

// A symbol of `bits` bits by a binary tree of 2^bits - 1 models, most significant bit
// first.
template <typename Coder>
uint32_t code_lite_tree(Coder& coder, uint32_t first, uint32_t bits, uint32_t symbol) {
  uint32_t node = 1;
  for (uint32_t i = bits; i-- > 0;) {
    node = 2 * node + coder.bit(first - 1 + node, symbol >> i & 1u);
  }
  return node - (1u << bits);
}

// A number below 2^30: how many pairs of bits it takes by a tree, and the bits.
template <typename Coder>
uint32_t code_lite_number(Coder& coder, uint32_t tree, uint32_t number) {
  const auto bits = static_cast<uint32_t>(std::bit_width(number));
  return coder.raw(number, 2 * code_lite_tree(coder, tree, 4, (bits + 1) / 2));
}

// A byte, given what is expected of it. Words change from their first byte on: so where
// nothing has changed for a while, it is the place in a word that tells most.
template <typename Coder>
uint32_t code_lite_byte(Coder& coder, uint8_t* hits, uint32_t byte, uint32_t expected,
                        uint32_t position) {
  const auto wanted = static_cast<int8_t>(byte - expected);
  const uint32_t context = *hits == 15 ? 8 + (position & 3) : *hits & 7u;
  const uint32_t hit = coder.bit(LitePlaces::kIsHit + context, wanted == 0 ? 1 : 0);
  *hits = static_cast<uint8_t>((2 * *hits + hit) & 15u);
  if (hit != 0) return expected;
  const uint32_t below = coder.bit(LitePlaces::kByteIsBelow, wanted < 0 ? 1 : 0);
  const auto size = static_cast<uint32_t>(wanted < 0 ? -1 - wanted : wanted - 1);
  const uint32_t high = code_lite_tree(coder, LitePlaces::kByteSize, 5, size >> 2);
  const uint32_t tree = LitePlaces::kByteLow + 3 * (high < 2 ? high : 2);
  const uint32_t coded = 1 + 4 * high + code_lite_tree(coder, tree, 2, size & 3);
  return below != 0 ? expected - coded : expected + coded;
}

// How large residuals of codes were of late.
struct LiteTrend {
  int16_t average = 16;  // of their sizes, times 16
  uint8_t last = 0;      // 0: it was zero, 1: above, 2: below

  uint32_t level() const {
    return average < 6 ? 0u : average < 14 ? 1u : average < 40 ? 2u : 3u;
  }
  void learn(int32_t size, uint8_t direction) {
    average = static_cast<int16_t>(average + ((size * 64 - average * 4 + 16) >> 5));
    last = direction;
  }
};

// A size, at least 1: whether it has more bits than expected, then how many more or fewer,
// in unary; two bits below the leading one; the others. `longer` and `shorter` are sets of
// five models, `length` is what is expected, then what it is.
template <typename Coder>
uint32_t code_lite_size(Coder& coder, uint32_t longer, uint32_t shorter, uint32_t* length,
                        uint32_t size) {
  constexpr uint32_t kLast = 4;
  const auto wanted = static_cast<uint32_t>(std::bit_width(size));
  const uint32_t expected = *length;
  uint32_t bits = expected;
  uint32_t i = 0;
  while (bits < 32 && coder.bit(longer + i, bits < wanted ? 1 : 0) != 0) {
    ++bits;
    if (i < kLast) ++i;
  }
  for (i = 0; bits > 1 && bits <= expected; --bits) {
    if (coder.bit(shorter + i, wanted < bits ? 1 : 0) == 0) break;
    if (i < kLast) ++i;
  }
  *length = bits;
  uint32_t coded = 1;
  uint32_t left = bits - 1;
  if (left > 0) {
    --left;
    coded = 2 + coder.bit(LitePlaces::kSecond + (left < 9 ? left : 9), size >> left & 1u);
  }
  if (left > 0) {
    --left;
    coded = 2 * coded + coder.bit(LitePlaces::kThird + (coded & 1), size >> left & 1u);
  }
  return coded << left | coder.raw(size & ((1u << left) - 1), left);
}

// A code of eight bits, given what that of the base becomes in the new quantization, in
// units of 1 / 4096. Codes are from `low` to low + 255.
template <typename Coder>
int32_t code_lite_code(Coder& coder, LiteTrend* trend, int32_t number, int32_t predicted,
                       int32_t low, bool has_gain) {
  const int32_t high = low + 255;
  int32_t step = (predicted + 2048) >> 12;
  uint32_t phase = static_cast<uint32_t>(predicted + 2048) >> 9 & 7u;
  if (step < low) {
    step = low;
    phase = 0;
  }
  if (step > high) {
    step = high;
    phase = 7;
  }
  const uint32_t level = trend->level();
  const bool is_edge = step == low || step == high;
  const uint32_t folded = !has_gain ? 4 : phase < 4 ? phase : 7 - phase;
  const uint32_t moves =
      is_edge ? LitePlaces::kEdgeMoves : LitePlaces::kCodeMoves + 10 * level + 2 * folded;
  const int32_t residual = number - step;
  if (coder.bit(moves + (trend->last != 0 ? 1 : 0), residual != 0 ? 1 : 0) == 0) {
    trend->learn(0, 0);
    return step;
  }
  bool is_down = step == high;
  if (!is_edge) {
    const uint32_t context = has_gain ? phase : trend->last == 1 ? 9 : 8;
    is_down = coder.bit(LitePlaces::kCodeIsDown + context, residual < 0 ? 1 : 0) != 0;
  }
  uint32_t length = 1;
  const auto size = static_cast<int32_t>(
      code_lite_size(coder, LitePlaces::kCodeIsLonger + 5 * level, LitePlaces::kShorter,
                     &length, static_cast<uint32_t>(residual < 0 ? -residual : residual)) &
      0xFF);
  trend->learn(size, is_down ? 2 : 1);
  return is_down ? step - size : step + size;
}

// How far numbers were from what was expected of them: values.md, section 10, has the
// reasons.
struct LiteSpread {
  static constexpr int16_t kUnknown = -32768;
  int16_t expected = kUnknown;  // bit length plus exponent, times 16
  uint8_t last = 0;             // residual: 0: it was zero, 1: below, 2: above

  void learn(int32_t bits, int32_t exponent) {
    const int32_t seen = 16 * (bits + exponent);
    if (expected == kUnknown) expected = static_cast<int16_t>(seen);
    const int32_t missed = seen - expected;
    if (bits != 0) {
      expected = static_cast<int16_t>(expected + ((missed + 8) >> 4));
    } else if (missed < 0) {
      expected = static_cast<int16_t>(expected + (missed >> 5) + 1);
    }
  }
};

template <typename Coder>
uint32_t code_lite_residual(Coder& coder, LiteSpread* spread, int32_t residual,
                            int32_t exponent) {
  const int32_t half = spread->expected == LiteSpread::kUnknown
                           ? 0
                           : (spread->expected - 16 * exponent + 4) >> 3;
  const uint32_t place = half < -1 ? 0 : half > 8 ? 9u : static_cast<uint32_t>(half + 1);
  const uint32_t last = spread->last;
  if (coder.bit(LitePlaces::kMoves + place, residual != 0 ? 1 : 0) == 0) {
    spread->last = 0;
    spread->learn(0, exponent);
    return 0;
  }
  const uint32_t is_down =
      coder.bit(LitePlaces::kNumberIsDown + last, residual < 0 ? 1 : 0);
  uint32_t length = half < 2 ? 1u : half > 62 ? 31u : static_cast<uint32_t>(half) / 2;
  const uint32_t set = place > 6 ? 5 : 0;
  const uint32_t size = code_lite_size(
      coder, LitePlaces::kLonger + set, LitePlaces::kShorter + set, &length,
      residual < 0 ? 0 - static_cast<uint32_t>(residual) : static_cast<uint32_t>(residual));
  spread->last = is_down != 0 ? 1 : 2;
  spread->learn(static_cast<int32_t>(length), exponent);
  return is_down != 0 ? 0 - size : size;
}

// A float on its own, by the place of its exponent below the greatest.
template <typename Coder>
uint32_t code_lite_float(Coder& coder, uint32_t mantissa_bits, uint32_t sign,
                         uint32_t greatest, uint32_t wanted) {
  constexpr uint32_t kDeep = 15;
  const uint32_t magnitude = wanted & (sign - 1);
  const uint32_t depth = greatest - (magnitude >> mantissa_bits);
  uint32_t coded =
      code_lite_tree(coder, LitePlaces::kDepth, 4, depth < kDeep ? depth : kDeep);
  if (coded == kDeep) coded += code_lite_number(coder, LitePlaces::kNumber, depth - kDeep);
  const uint32_t field = coded > greatest ? 0 : greatest - coded;
  uint32_t bits =
      coder.bit(LitePlaces::kFloatIsBelow, (wanted & sign) != 0 ? 1 : 0) != 0 ? sign : 0;
  const uint32_t low_bits = mantissa_bits - 3;
  bits |= field << mantissa_bits;
  bits |= code_lite_tree(coder, LitePlaces::kTop, 3, magnitude >> low_bits & 7u)
          << low_bits;
  return bits | coder.raw(magnitude & ((1u << low_bits) - 1), low_bits);
}

// The product of two numbers, in two halves. Many devices have no instruction for it.
struct LiteProduct {
  uint32_t high;
  uint32_t low;
};
constexpr LiteProduct lite_product(uint32_t a, uint32_t b) {
  const uint32_t a_high = a >> 16;
  const uint32_t a_low = a & 0xFFFF;
  const uint32_t b_high = b >> 16;
  const uint32_t b_low = b & 0xFFFF;
  const uint32_t low = a_low * b_low;
  const uint32_t one = a_high * b_low + (low >> 16);
  const uint32_t other = a_low * b_high + (one & 0xFFFF);
  return {a_high * b_high + (one >> 16) + (other >> 16), other << 16 | (low & 0xFFFF)};
}

// About the product of two binary32 numbers: what rounding to nearest gives, but for ties,
// where both and the product are normal numbers; elsewhere any number.
constexpr uint32_t lite_f32_product(uint32_t a, uint32_t b) {
  uint32_t high = lite_product(a << 8 | 0x80000000u, b << 8 | 0x80000000u).high;
  uint32_t exponent = (a >> 23 & 0xFF) + (b >> 23 & 0xFF) - 127;  // less what carries add
  if (high < 0x80000000u) {
    high <<= 1;
    --exponent;
  }
  const uint32_t magnitude = (exponent << 23) + (high >> 8) + (high >> 7 & 1u);
  return ((a ^ b) & 0x80000000u) ^ magnitude;
}

}  // namespace mallorn
