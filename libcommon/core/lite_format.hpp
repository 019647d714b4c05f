// The steps of profile `lite`: their heads, and what their elements are made of
// (docs/format/lite.md). One text for encoder and decoder.
#pragma once

#include "libcommon/core/lite_model.hpp"

namespace mallorn {

// Files are shorter than this.
constexpr uint32_t kMaxLiteBytesLog2 = 30;
constexpr uint32_t kMaxLiteBytes = 1u << kMaxLiteBytesLog2;

// A segment says first where the next one may begin: at a multiple of two to the power of a
// number of so many bits.
constexpr uint32_t kLiteRestartBits = 5;

// How a step makes its bytes.
enum class LiteKind : uint8_t {
  copy = 0,     // those of the source
  literal = 1,  // bytes on their own
  changed = 2,  // bytes, most of which are those of the source
  codes = 3,    // codes of eight bits, from those of the base
  numbers = 4,  // integers and floats, from those of the base
  alone = 5,    // integers and floats on their own
  derived = 6,  // binary32 numbers that follow from those of the source
};
// Devices may be compiled without floats: patches made with --no-floats have none.
#ifdef MALLORN_NO_FLOATS
constexpr bool kHasLiteFloats = false;
#else
constexpr bool kHasLiteFloats = true;
#endif
constexpr uint32_t kLiteKinds = kHasLiteFloats ? 7 : 6;

enum class LiteType : uint8_t {
  i8 = 0,
  u8 = 1,
  i16 = 2,
  i32 = 3,
  f16 = 4,
  bf16 = 5,
  f32 = 6
};
constexpr uint32_t kLiteTypes = kHasLiteFloats ? 7 : 4;

// Four times the bits of the mantissa (0: integers), and the length of elements as a power
// of two.
inline constexpr std::array<uint8_t, 8> kLiteTypeShapes = {
    0, 0, 1, 2, 4 * 10 + 1, 4 * 7 + 1, 4 * 23 + 2, 0};
constexpr uint32_t lite_type_shape(LiteType type) {
  return kLiteTypeShapes[static_cast<size_t>(type)];
}
constexpr uint32_t lite_type_log2(LiteType type) {
  // Those of integers are known without a table, too.
  if (!kHasLiteFloats) return static_cast<uint32_t>(type) - (type != LiteType::i8 ? 1 : 0);
  return lite_type_shape(type) & 3;
}
constexpr uint32_t lite_type_bytes(LiteType type) { return 1u << lite_type_log2(type); }
// Of floats; 0 for integers.
constexpr uint32_t lite_mantissa_bits(LiteType type) { return lite_type_shape(type) >> 2; }

// What is coded of a step before its elements.
struct LiteHead {
  LiteKind kind = LiteKind::copy;
  uint8_t is_own = 0;  // 1: source is in the result
  LiteType type = LiteType::i8;
  uint8_t greatest = 0;   // exponent of floats on their own
  uint16_t columns = 0;   // codes, numbers: of rows that have a gain each; 0: no gains
  uint8_t base_zero = 0;  // bytes that stand for 0
  uint8_t result_zero = 0;
  uint32_t elements = 0;  // bytes, for kinds of bytes
  uint32_t source = 0;    // offset in the base or the result
  uint32_t factor = 0;    // derived: binary32
};

constexpr bool has_lite_source(LiteKind kind) {
  return kind != LiteKind::literal && kind != LiteKind::alone;
}
constexpr uint32_t lite_element_log2(const LiteHead& head) {
  if (kHasLiteFloats && head.kind == LiteKind::derived) return 2;
  return head.kind == LiteKind::numbers || head.kind == LiteKind::alone
             ? lite_type_log2(head.type)
             : 0;
}
// False for heads that no encoder writes; others that none writes do no harm.
constexpr bool is_lite_head(const LiteHead& head) {
  return static_cast<uint32_t>(head.kind) < kLiteKinds &&
         static_cast<uint32_t>(head.type) < kLiteTypes;
}

constexpr uint32_t kLiteGainBits = 24;
constexpr uint32_t kLiteGainOne = 1u << kLiteGainBits;

// What is known between elements and between steps, beside the models themselves. Small
// fields first: small processors reach them with short instructions.
struct LiteState {
  uint8_t hits = 0;         // which of the last four bytes were as expected
  uint8_t last_code = 0;    // residual: 0: it was zero, 1: above, 2: below
  uint8_t has_bytes = 0;    // 1: models of bytes are in the shared places, 0: of codes
  uint8_t last_number = 0;  // 0: it was zero, 1: below, 2: above
  uint8_t length = 0;       // in bits, of the last size
  uint16_t average = 16;    // size of residuals of codes, times 16
  uint16_t expected = 0;    // of numbers: bit length plus exponent, times 16
  LiteHead head;
  // What gains are above one.
  uint32_t gain = 0;       // of the row
  uint32_t last_gain = 0;  // that was not one
  uint32_t base_stop = 0;  // where the last step that read the base stopped
};

[[gnu::noinline]] inline void start_lite_models(LiteBit* bits, uint32_t first) {
  for (uint32_t i = first; i < LitePlaces::kEnd; ++i) bits[i].state = LiteBit::kStart;
}

template <typename Coder>
static uint32_t code_lite_signed(Coder& coder, int32_t number) {
  const uint32_t is_negative = coder.raw(number < 0 ? 1 : 0, 1);
  const uint32_t size = code_lite_number(
      coder, LitePlaces::kNumber, static_cast<uint32_t>(number < 0 ? -number : number));
  return is_negative != 0 ? 0 - size : size;
}

template <typename Coder>
static void code_lite_source(Coder& coder, uint32_t position, const LiteHead& wanted) {
  LiteHead& head = coder.state.head;
  const uint32_t is_own = coder.bit(LitePlaces::kIsOwn, wanted.is_own);
  head.is_own = static_cast<uint8_t>(is_own);
  uint32_t source = coder.state.base_stop;
  if (is_own != 0) {
    source = position - code_lite_number(coder, LitePlaces::kNumber,
                                         coder.want(position - wanted.source));
  } else if (coder.bit(LitePlaces::kIsStraight, wanted.source == source ? 1 : 0) == 0) {
    source +=
        code_lite_signed(coder, coder.want(static_cast<int32_t>(wanted.source - source)));
  }
  head.source = source;
}

template <typename Coder>
static void code_lite_type(Coder& coder, const LiteHead& wanted) {
  LiteHead& head = coder.state.head;
  const bool is_like = head.type == wanted.type && head.base_zero == wanted.base_zero &&
                       head.result_zero == wanted.result_zero;
  if (coder.bit(LitePlaces::kIsLikeLast, is_like ? 1 : 0) != 0) return;
  const uint32_t all = coder.raw(static_cast<uint32_t>(wanted.type) << 16 |
                                     uint32_t{wanted.base_zero} << 8 | wanted.result_zero,
                                 3 + 8 + 8);
  head.type = static_cast<LiteType>(all >> 16);
  head.base_zero = static_cast<uint8_t>(all >> 8);
  head.result_zero = static_cast<uint8_t>(all);
  coder.state.expected = 0;
  coder.state.last_number = 0;
}

// state.head is the head of the step before; an encoder gives the new one as `wanted`.
// `position` is the offset in the result. Nothing is checked here.
template <typename Coder>
[[gnu::noinline]] static void code_lite_head(Coder& coder, uint32_t position,
                                             const LiteHead& wanted) {
  LiteHead& head = coder.state.head;
  const auto kind = static_cast<LiteKind>(
      code_lite_tree(coder, LitePlaces::kKind, 3, static_cast<uint32_t>(wanted.kind)));
  head.kind = kind;
  head.elements = code_lite_number(coder, LitePlaces::kLength, wanted.elements);
  head.is_own = 0;
  head.columns = 0;
  coder.state.gain = coder.state.last_gain = 0;
  if (has_lite_source(kind)) code_lite_source(coder, position, wanted);
  if (kind == LiteKind::copy || kind == LiteKind::changed) return;
  if (kHasLiteFloats && kind == LiteKind::derived) {
    head.factor = coder.raw(wanted.factor, 32);
    return;
  }
  code_lite_type(coder, wanted);
  if (kind == LiteKind::alone) {
    head.greatest = static_cast<uint8_t>(coder.raw(wanted.greatest, 8));
  } else if (kind != LiteKind::literal &&
             coder.bit(LitePlaces::kHasGains, wanted.columns != 0 ? 1 : 0) != 0) {
    head.columns =
        static_cast<uint16_t>(code_lite_number(coder, LitePlaces::kNumber, wanted.columns));
  }
}

// Makes room for the models that a step wants, before its first element: they begin anew if
// others were in their places.
inline void prepare_lite_step(LiteBit* bits, LiteState& state) {
  const LiteHead& head = state.head;
  // Copies and numbers want none of them.
  static_assert((static_cast<uint32_t>(LiteKind::numbers) & 3) == 0);
  if ((static_cast<uint32_t>(head.kind) & 3) == 0) return;
  const uint32_t wants_bytes = head.kind != LiteKind::codes ? 1 : 0;
  if (state.has_bytes == wants_bytes) return;
  state.has_bytes = static_cast<uint8_t>(wants_bytes);
  state.average = LiteState{}.average;
  state.last_code = 0;
  state.hits = 0;
  start_lite_models(bits, LitePlaces::kShared);
}

// The gain of the next row.
template <typename Coder>
static void code_lite_gain(Coder& coder, uint32_t wanted) {
  auto& state = coder.state;
  const uint32_t above = wanted - kLiteGainOne;
  uint32_t gain = 0;
  if (coder.bit(LitePlaces::kIsOne, above == 0 ? 1 : 0) == 0) {
    gain = state.last_gain;
    if (coder.bit(LitePlaces::kIsAsLast, above == gain ? 1 : 0) == 0) {
      gain = code_lite_signed(coder, coder.want(static_cast<int32_t>(above)));
      state.last_gain = gain;
    }
  }
  state.gain = gain;
}

// A number times a gain, to the nearest, halves away from zero.
constexpr uint32_t lite_scaled(int32_t number, uint32_t gain) {
  const uint32_t size =
      number < 0 ? 0 - static_cast<uint32_t>(number) : static_cast<uint32_t>(number);
  const auto mask = static_cast<uint32_t>(number >> 31);
  const uint32_t whole = size * (gain >> kLiteGainBits);
  const uint32_t scaled = (lite_twice_product(size, gain) + 1) / 2 + whole;
  return (scaled ^ mask) - mask;
}

// The place of a float in the order of all floats, of which `sign` is the sign bit; as many
// bits count. It is its own inverse. With 0 as `sign` an integer stays what it is.
constexpr uint32_t lite_order(uint32_t bits, uint32_t sign) {
  return (bits & sign) != 0 ? bits ^ (sign - 1) : bits;
}

template <typename Coder>
static uint32_t code_lite_code_element(Coder& coder, uint32_t base, uint32_t wanted) {
  const LiteHead& head = coder.state.head;
  const uint32_t gain = kLiteGainOne + coder.state.gain;
  // Codes with sign are those without, less 128.
  const uint32_t bias = head.type == LiteType::i8 ? 128 : 0;
  const uint32_t from = (base ^ bias) - (head.base_zero ^ bias);
  const uint32_t predicted =
      from * (gain >> (kLiteGainBits - 12)) + ((head.result_zero ^ bias) << 12);
  return code_lite_code(coder, (wanted ^ bias) & 0xFF, static_cast<int32_t>(predicted),
                        coder.state.gain != 0) ^
         bias;
}

// What misses the product by this much or more is coded as numbers are.
constexpr int32_t kLiteFar = -128;

// An integer or a float; `base` is that of the base. Or a number that is about `base` times
// the factor.
template <typename Coder>
static uint32_t code_lite_number_element(Coder& coder, uint32_t base, uint32_t wanted,
                                         uint32_t position) {
  auto& state = coder.state;
  const LiteHead& head = state.head;
  uint32_t unused = 32 - (8u << lite_type_log2(head.type));
  const uint32_t sign = 0x80000000u >> unused;
  const uint32_t mantissa_bits = lite_mantissa_bits(head.type);
  uint32_t guess = base;
  uint32_t aim = wanted;
  int32_t exponent = 0;
  uint32_t order = 0;  // the sign bit, of floats
  if (kHasLiteFloats && head.kind == LiteKind::derived) {
    guess = lite_f32_product(base, head.factor);
    unused = 0;
    exponent = static_cast<int32_t>(guess >> 23 & 0xFF);
    const auto missed = coder.want(static_cast<int32_t>(wanted - guess));
    const bool is_far = missed <= kLiteFar || missed >= -kLiteFar;
    const auto near = static_cast<int8_t>(code_lite_byte(
        coder, static_cast<uint32_t>(is_far ? kLiteFar : missed), 0, position));
    if (near != kLiteFar) return guess + static_cast<uint32_t>(int32_t{near});
  } else if (kHasLiteFloats && mantissa_bits != 0) {
    if (head.kind == LiteKind::alone) {
      return code_lite_float(coder, mantissa_bits, sign, head.greatest, wanted);
    }
    order = sign;
    exponent = static_cast<int32_t>((base & (sign - 1)) >> mantissa_bits);
    guess = lite_order(base, sign);
    aim = lite_order(wanted, sign);
  } else if (state.gain != 0) {
    guess = lite_scaled(static_cast<int32_t>(base << unused) >> unused,
                        kLiteGainOne + state.gain);
  }
  const auto missed = coder.want(static_cast<int32_t>((aim - guess) << unused) >> unused);
  const uint32_t number = guess + code_lite_residual(coder, missed, exponent);
  return lite_order(number, order);
}

// An element, given that of the source, or 0; as many bits count as elements have.
template <typename Coder>
static uint32_t code_lite_element(Coder& coder, uint32_t from, uint32_t wanted,
                                  uint32_t position) {
  const LiteHead& head = coder.state.head;
  const LiteKind kind = head.kind;
  // Comparisons cost a device less than a table.
  if (kind == LiteKind::copy) return from;
  if (kind < LiteKind::codes) {
    if (kind == LiteKind::literal) from = head.result_zero;
    return code_lite_byte(coder, wanted, from, position);
  }
  if (kind == LiteKind::codes) return code_lite_code_element(coder, from, wanted);
  return code_lite_number_element(coder, from, wanted, position);
}

}  // namespace mallorn
