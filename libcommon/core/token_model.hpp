// Tokens: numbers cut into a symbol, which is modelled, and bits that are as likely zero as
// one (docs/format/tokens.md). What encoder and decoder of codec 6 share.
//
// Nothing learns while a section is coded: how often a token comes in a context is sent
// before, and contexts come from the base alone. That is what lets a decoder work at 32
// tokens at a time.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/float_value.hpp"
#include "libcommon/core/quant_block.hpp"

namespace mallorn {

constexpr uint32_t kTokenStates = 32;  // coders that take turns
constexpr uint32_t kFrequencyBits = 11;
constexpr uint32_t kFrequencyTotal = 1u << kFrequencyBits;  // of a context
constexpr uint32_t kLeastState = 1u << 16;
constexpr uint32_t kMaxTokens = 256;  // of an alphabet
constexpr uint32_t kMaxTokenContexts = 40;
constexpr size_t kMaxTokenBytes = size_t{1} << 20;  // of a section

// --- numbers as tokens

// Magnitudes that share a token: from `least` on, 2^raw_bits of them. There are two tokens
// for each bit length above 2.
struct Magnitudes {
  uint32_t least;
  uint32_t raw_bits;
};

constexpr Magnitudes magnitudes_of(uint32_t size_class) {
  if (size_class < 4) return {size_class, 0};
  const uint32_t raw_bits = size_class / 2 - 1;
  return {(2 + size_class % 2) << raw_bits, raw_bits};
}

constexpr uint32_t size_class_of(uint32_t magnitude) {
  if (magnitude < 4) return magnitude;
  const auto bits = static_cast<uint32_t>(std::bit_width(magnitude));
  return 2 * (bits - 1) + (magnitude >> (bits - 2) & 1u);
}

struct Token {
  uint8_t symbol;
  uint8_t raw_bits;
  uint32_t raw;
};

constexpr uint32_t magnitude_of(int32_t number) {
  return number < 0 ? 0u - static_cast<uint32_t>(number) : static_cast<uint32_t>(number);
}

// An integer: its sign is part of the token.
constexpr Token integer_token(int32_t number) {
  const uint32_t magnitude = magnitude_of(number);
  const uint32_t size_class = size_class_of(magnitude);
  const Magnitudes shared = magnitudes_of(size_class);
  const uint32_t symbol = size_class == 0 ? 0 : 2 * size_class - (number < 0 ? 0 : 1);
  return {static_cast<uint8_t>(symbol), static_cast<uint8_t>(shared.raw_bits),
          magnitude - shared.least};
}

// A difference of floats: its sign is the lowest raw bit.
constexpr Token float_token(int32_t number) {
  const uint32_t magnitude = magnitude_of(number);
  const uint32_t size_class = size_class_of(magnitude);
  if (size_class == 0) return {0, 0, 0};
  const Magnitudes shared = magnitudes_of(size_class);
  return {static_cast<uint8_t>(size_class), static_cast<uint8_t>(shared.raw_bits + 1),
          (magnitude - shared.least) << 1 | (number < 0 ? 1u : 0u)};
}

// --- types

enum class TokenKind : uint8_t { integer, floating, blocks };

struct TokenType {
  TokenKind kind;
  uint32_t bytes;  // of an element; of a block
  bool is_signed;
  FloatFormat format;  // of floats
};

// False for dtypes that codec 6 does not take.
constexpr bool token_type(Dtype dtype, TokenType* type) {
  switch (dtype) {
    case Dtype::i8:
      *type = {TokenKind::integer, 1, true, {}};
      return true;
    case Dtype::u8:
      *type = {TokenKind::integer, 1, false, {}};
      return true;
    case Dtype::i16:
    case Dtype::u16:
      *type = {TokenKind::integer, 2, true, {}};
      return true;
    case Dtype::i32:
    case Dtype::u32:
      *type = {TokenKind::integer, 4, true, {}};
      return true;
    case Dtype::f16:
      *type = {TokenKind::floating, 2, true, kF16};
      return true;
    case Dtype::bf16:
      *type = {TokenKind::floating, 2, true, kBf16};
      return true;
    case Dtype::f32:
      *type = {TokenKind::floating, 4, true, kF32};
      return true;
    case Dtype::q4_0:
    case Dtype::q4_1:
    case Dtype::q5_0:
    case Dtype::q5_1:
    case Dtype::q8_0:
    case Dtype::q2_k:
    case Dtype::q3_k:
    case Dtype::q4_k:
    case Dtype::q5_k:
    case Dtype::q6_k:
      *type = {TokenKind::blocks, dtype_layout(dtype).block_bytes, true, {}};
      return true;
    default:
      return false;
  }
}

// --- streams: tokens that share tables

struct TokenStream {
  uint32_t contexts;
  uint32_t tokens;  // of the alphabet
};

constexpr uint32_t kIntegerContexts = 16;
constexpr uint32_t kFloatContexts = 16;
constexpr uint32_t kCodeContexts = 40;

inline constexpr TokenStream kLevelStream = {1, 256};
inline constexpr TokenStream kTopByteStream = {1, 256};  // elements on their own
inline constexpr TokenStream kHalfStream = {1, 31};
inline constexpr TokenStream kGroupStream = {kCodeContexts, 31};
inline constexpr TokenStream kCodeStream = {kCodeContexts, 31};

// Of differences to the elements of the base.
constexpr TokenStream element_stream(const TokenType& type) {
  const uint32_t size_classes = 16 * type.bytes - 1;
  if (type.kind == TokenKind::floating) return {kFloatContexts, size_classes};
  return {kIntegerContexts, 2 * size_classes - 1};
}

// --- elements

// An element as a number whose differences count, and back: floats in their order.
template <typename T>
constexpr T to_number(TokenKind kind, T bits) {
  return kind == TokenKind::floating ? monotone(bits) : bits;
}

// What is coded before the tokens of a section.
enum class TokenMethod : uint8_t {
  direct = 0,     // elements on their own: not of blocks
  predicted = 1,  // differences to the base
};

// Elements, or blocks, of a group: this many, or 2, 4 or 8 times as many.
constexpr uint32_t least_group(TokenKind kind) {
  return kind == TokenKind::blocks ? 1 : 32;
}

// --- contexts

// Elements come in groups with a level each, 1 to 255; those of a group of level 0 are as
// in the base. The level says how much the elements of a group move: for floats it is an
// exponent, and what counts is how far that of an element is below it.
constexpr uint8_t float_context(uint32_t level, uint32_t exponent) {
  return static_cast<uint8_t>(exponent >= level       ? 0
                              : level - exponent < 15 ? level - exponent
                                                      : 15);
}

// `is_edge`: a number that quantization has made the greatest or the least.
constexpr uint8_t integer_context(uint32_t level, bool is_edge) {
  return static_cast<uint8_t>(2 * (level < 8 ? level - 1 : 7) + (is_edge ? 1 : 0));
}

constexpr bool is_edge_byte(bool is_signed, uint8_t byte) {
  const auto from_edge = static_cast<uint8_t>(is_signed ? byte + 127 : byte);
  return is_signed ? from_edge == 0 || from_edge >= 254 : byte == 0 || byte == 255;
}

// The context of what an element misses that of the base, `bits`, by.
template <typename T>
constexpr uint8_t element_context(const TokenType& type, uint32_t level, T bits) {
  if (type.kind == TokenKind::floating) {
    const uint64_t magnitude = bits & (type.format.sign() - 1);
    return float_context(level,
                         static_cast<uint32_t>(magnitude >> type.format.mantissa_bits));
  }
  return integer_context(
      level, sizeof(T) == 1 && is_edge_byte(type.is_signed, static_cast<uint8_t>(bits)));
}

// Where numbers of a group of codes are expected: as QuantMap says, within limits that keep
// predictions within 32 bits.
struct CodeMap {
  int32_t factor;
  int32_t shift;
  bool is_moved;
};

constexpr CodeMap code_map(const QuantMap& map, bool is_moved) {
  constexpr auto limited = [](int64_t number) {
    constexpr int32_t kMost = 1 << 22;
    return number < -kMost ? -kMost : number > kMost ? kMost : static_cast<int32_t>(number);
  };
  return {limited(map.factor), limited(map.shift), is_moved};
}

// The first context of codes in a block of that level.
constexpr uint32_t level_contexts(uint32_t level) {
  return 10 * (level < 4 ? level - 1 : 3);
}

// Contexts of a level: eights of a step between the prediction and the middle to the step
// below, but for predictions at a bound; and one for numbers whose scale has not moved.
constexpr uint8_t kEdgeContext = 8;
constexpr uint8_t kUnmovedContext = 9;

// Predicts `count` numbers, in place, and tells the contexts of what they miss.
[[gnu::always_inline]] inline void guess_numbers(const CodeMap& map, uint32_t level,
                                                 Bounds bounds, size_t count,
                                                 int16_t* __restrict steps,
                                                 uint8_t* __restrict contexts) {
  const auto first = static_cast<int32_t>(level_contexts(level));
  if (!map.is_moved) {
    for (size_t i = 0; i < count; ++i) {
      contexts[i] = static_cast<uint8_t>(first + kUnmovedContext);
    }
    return;
  }
  const int32_t factor = map.factor;
  const int32_t shift = map.shift + 2048;
  for (size_t i = 0; i < count; ++i) {
    const int32_t eighths = (steps[i] * factor + shift) >> 9;
    const int32_t rounded = eighths >> 3;
    const int32_t above = rounded < bounds.low ? bounds.low : rounded;
    const int32_t step = above > bounds.high ? bounds.high : above;
    const bool is_edge = (step == bounds.low) | (step == bounds.high);
    const int32_t context = is_edge ? kEdgeContext : eighths & 7;
    steps[i] = static_cast<int16_t>(step);
    contexts[i] = static_cast<uint8_t>(first + context);
  }
}

// Integers of the groups of a block, scales before minima.
constexpr uint32_t group_numbers(const QuantGrid& grid) {
  return grid.start == Start::taken ? 2u * grid.groups : grid.groups;
}

// Predicts them; `scale` and `minimum` are those of the result. There are group_numbers()
// of steps and of contexts. `guess(map, level, bounds, count, steps, contexts)` does to
// `count` numbers what guess_code() does.
template <typename Guess>
void guess_groups(const QuantGrid& grid, const QuantBlock& base, uint16_t scale,
                  uint16_t minimum, uint32_t level, int16_t* steps, uint8_t* contexts,
                  const Guess& guess) {
  const auto guess_all = [&](const auto& numbers, uint16_t from, uint16_t to, size_t at) {
    for (uint32_t i = 0; i < grid.groups; ++i) steps[at + i] = numbers[i];
    const CodeMap map =
        from != to ? code_map(map_groups(from, to), true) : code_map(kSameNumbers, false);
    guess(map, level, grid.group_scales, grid.groups, steps + at, contexts + at);
  };
  guess_all(base.group_scale, base.scale, scale, 0);
  if (grid.start != Start::taken) return;
  guess_all(base.group_minimum, base.minimum, minimum, grid.groups);
}

// Predicts the codes of a block: `steps` are those of the base. `base` and `result` need no
// codes.
template <typename Guess>
void guess_codes(const QuantGrid& grid, const QuantBlock& base, const QuantBlock& result,
                 uint32_t level, int16_t* steps, uint8_t* contexts, const Guess& guess) {
  for (uint32_t group = 0; group < grid.groups; ++group) {
    const QuantLine from = quant_line(grid, base, group);
    const QuantLine to = quant_line(grid, result, group);
    const bool is_moved = from.step != to.step || from.start != to.start;
    const CodeMap map = is_moved ? code_map(map_codes(grid, from, to), true)
                                 : code_map(kSameNumbers, false);
    const size_t at = size_t{group} * grid.group_codes;
    guess(map, level, grid.codes, grid.group_codes, steps + at, contexts + at);
  }
}

// --- tables

// The frequencies of the tokens of one context: they sum to kFrequencyTotal.
using Frequencies = std::array<uint16_t, kMaxTokens>;

// Codes what stands before the tokens, with any Coder of bit_model.hpp.
class TokenHead {
 public:
  template <typename Coder>
  TokenMethod code_method(Coder& coder, TokenMethod method) {
    return static_cast<TokenMethod>(method_.code(coder, static_cast<uint32_t>(method)));
  }
  // A byte that fills no element.
  template <typename Coder>
  uint8_t code_byte(Coder& coder, uint8_t byte) {
    return static_cast<uint8_t>(byte_.code(coder, byte));
  }
  template <typename Coder>
  uint32_t code_group(Coder& coder, uint32_t least, uint32_t shift) {
    return least << group_.code(coder, shift);
  }
  // That of all groups; 0 if they have each their own.
  template <typename Coder>
  uint32_t code_level(Coder& coder, uint32_t level) {
    return level_.code(coder, level);
  }

  // Codes the frequencies of a context with `tokens` tokens; all 0 for one that is not in
  // use. False if a decoder has got frequencies that do not sum up.
  template <typename Coder>
  [[nodiscard]] bool code_frequencies(Coder& coder, uint32_t tokens,
                                      Frequencies* frequencies) {
    uint32_t total = 0;
    for (const uint16_t frequency : *frequencies) total += frequency;
    if (used_.code(coder, total != 0 ? 1 : 0) == 0) {
      frequencies->fill(0);
      return true;
    }
    uint32_t left = kFrequencyTotal;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < kMaxTokens; ++i) {
      uint16_t& frequency = (*frequencies)[i];
      if (left == 0) {
        frequency = 0;
        continue;
      }
      if (i == tokens) return false;
      frequency = code_frequency(coder, frequency, &bits);
      if (frequency > left) return false;
      left -= frequency;
    }
    return left == 0;
  }

 private:
  static constexpr uint32_t kLengths = 16;  // 0 to 12 are of use

  // `*bits`: the bit length of the frequency before.
  template <typename Coder>
  uint16_t code_frequency(Coder& coder, uint32_t frequency, uint32_t* bits) {
    *bits = length_[*bits].code(coder, static_cast<uint32_t>(std::bit_width(frequency)));
    if (*bits < 2) return static_cast<uint16_t>(*bits);
    uint32_t coded = 1;
    for (uint32_t i = *bits - 1; i-- > 0;) {
      coded = 2 * coded + coder.code(32768, frequency >> i & 1u);
    }
    return static_cast<uint16_t>(coded);
  }

  TreeModel<1> method_{};
  TreeModel<8> byte_{};
  TreeModel<2> group_{};
  TreeModel<8> level_{};
  BitModel used_{};
  std::array<TreeModel<4>, kLengths> length_{};
};

}  // namespace mallorn
