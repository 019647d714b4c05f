// The loops that decoding tokens spends its time in, written so that compilers make vector
// instructions of them. Each is inlined into functions that say for which processor: those
// of token_kernels.cpp for any, others on the host. All give the same results.
#pragma once

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/token_model.hpp"
#include "mallorn-apply/core/raw_bits.hpp"
#include "mallorn-apply/core/token_reader.hpp"

namespace mallorn::apply {

// Arrays of numbers have room for a multiple of this: loops may look at what is behind the
// count.
constexpr size_t kKernelRun = 32;

struct TokenKernels {
  ReadTokens read_tokens;
  // Tokens as differences, modulo 2^32.
  void (*expand)(TokenKind kind, const uint8_t* tokens, size_t count, RawBits* raw,
                 uint32_t* numbers);
  // Contexts of elements, given those of the base.
  void (*find_contexts)(const TokenType& type, uint32_t level, const uint8_t* base,
                        size_t count, uint8_t* contexts);
  // Elements of the base plus differences.
  void (*restore)(const TokenType& type, const uint8_t* base, const uint32_t* numbers,
                  size_t count, uint8_t* to);
  // Codes of the base in `steps` as those predicted, and the contexts of what they miss.
  void (*guess)(const CodeMap& map, uint32_t level, Bounds bounds, size_t count,
                int16_t* steps, uint8_t* contexts);
  // Adds what was missed; false if a number is then out of bounds.
  bool (*correct)(Bounds bounds, const uint32_t* numbers, size_t count, int16_t* steps);
};

// For any processor.
const TokenKernels& portable_kernels();

#define MALLORN_KERNEL [[gnu::always_inline]] inline

// What follows a token, by token.
struct RawPart {
  uint32_t least;  // magnitude
  uint8_t bits;
  bool is_down;  // integers: negative
};
using RawParts = std::array<RawPart, kMaxTokens>;

constexpr RawParts make_float_parts() {
  RawParts parts{};
  for (uint32_t i = 1; i < element_stream({TokenKind::floating, 4, true, kF32}).tokens;
       ++i) {
    const Magnitudes shared = magnitudes_of(i);
    parts[i] = {shared.least, static_cast<uint8_t>(shared.raw_bits + 1), false};
  }
  return parts;
}

constexpr RawParts make_integer_parts() {
  RawParts parts{};
  for (uint32_t i = 1; i < element_stream({TokenKind::integer, 4, true, {}}).tokens; ++i) {
    const Magnitudes shared = magnitudes_of((i + 1) / 2);
    parts[i] = {shared.least, static_cast<uint8_t>(shared.raw_bits), i % 2 == 0};
  }
  return parts;
}

inline constexpr RawParts kFloatParts = make_float_parts();
inline constexpr RawParts kIntegerParts = make_integer_parts();

// Integers up to 3 of either sign have no raw bits.
MALLORN_KERNEL bool expand_small_run(const uint8_t* tokens, uint32_t* numbers) {
  constexpr uint8_t kFirstWithBits = 7;
  uint8_t most = 0;
  for (size_t i = 0; i < kKernelRun; ++i) most = tokens[i] > most ? tokens[i] : most;
  if (most >= kFirstWithBits) return false;
  for (size_t i = 0; i < kKernelRun; ++i) {
    const uint32_t token = tokens[i];
    const uint32_t down = (token & 1) - 1;  // all ones: negative
    numbers[i] = ((token + 1) / 2 ^ down) - down;
  }
  return true;
}

MALLORN_KERNEL void expand_kernel(TokenKind kind, const uint8_t* tokens, size_t count,
                                  RawBits* from, uint32_t* numbers) {
  RawBits raw = *from;
  if (kind == TokenKind::floating) {
    for (size_t i = 0; i < count; ++i) {
      const RawPart& part = kFloatParts[tokens[i]];
      const uint32_t bits = raw.take(part.bits);
      const uint32_t down = 0 - (bits & 1);
      numbers[i] = ((part.least + bits / 2) ^ down) - down;
    }
  } else {
    for (size_t at = 0; at < count; at += kKernelRun) {
      const size_t end = count - at < kKernelRun ? count : at + kKernelRun;
      if (end - at == kKernelRun && expand_small_run(tokens + at, numbers + at)) continue;
      for (size_t i = at; i < end; ++i) {
        const RawPart& part = kIntegerParts[tokens[i]];
        const uint32_t down = part.is_down ? UINT32_MAX : 0;
        numbers[i] = ((part.least + raw.take(part.bits)) ^ down) - down;
      }
    }
  }
  *from = raw;
}

// Calls visit(values, index) for runs of elements from `from` on, then stores those runs at
// `to`, if that is not null.
template <typename T, typename Visit>
MALLORN_KERNEL void for_each_run(const uint8_t* from, size_t count, uint8_t* to,
                                 const Visit& visit) {
  T values[kKernelRun] = {};
  size_t at = 0;
  for (; count - at >= kKernelRun; at += kKernelRun) {
    load_run(values, from + at * sizeof(T), kKernelRun);
    visit(values, at);
    if (to != nullptr) store_run(to + at * sizeof(T), values, kKernelRun);
  }
  if (at == count) return;
  load_run(values, from + at * sizeof(T), count - at);
  visit(values, at);
  if (to != nullptr) store_run(to + at * sizeof(T), values, count - at);
}

template <typename T>
MALLORN_KERNEL void find_contexts_run(const TokenType& type, uint32_t level,
                                      const uint8_t* base, size_t count,
                                      uint8_t* contexts) {
  if (type.kind == TokenKind::floating) {
    const auto magnitude = static_cast<T>(type.format.sign() - 1);
    const uint32_t shift = type.format.mantissa_bits;
    for_each_run<T>(base, count, nullptr, [=](const T* values, size_t at) {
      for (size_t i = 0; i < kKernelRun; ++i) {
        const uint32_t exponent = static_cast<uint32_t>(values[i] & magnitude) >> shift;
        contexts[at + i] = float_context(level, exponent);
      }
    });
  } else {
    for_each_run<T>(base, count, nullptr, [=](const T* values, size_t at) {
      for (size_t i = 0; i < kKernelRun; ++i) {
        contexts[at + i] = element_context(type, level, values[i]);
      }
    });
  }
}

MALLORN_KERNEL void find_contexts_kernel(const TokenType& type, uint32_t level,
                                         const uint8_t* base, size_t count,
                                         uint8_t* contexts) {
  if (type.bytes == 1) find_contexts_run<uint8_t>(type, level, base, count, contexts);
  if (type.bytes == 2) find_contexts_run<uint16_t>(type, level, base, count, contexts);
  if (type.bytes == 4) find_contexts_run<uint32_t>(type, level, base, count, contexts);
}

template <typename T>
MALLORN_KERNEL void restore_run(TokenKind kind, const uint8_t* base,
                                const uint32_t* numbers, size_t count, uint8_t* to) {
  for_each_run<T>(base, count, to, [=](T* values, size_t at) {
    if (kind == TokenKind::floating) {
      for (size_t i = 0; i < kKernelRun; ++i) {
        values[i] = monotone(static_cast<T>(monotone(values[i]) + numbers[at + i]));
      }
    } else {
      for (size_t i = 0; i < kKernelRun; ++i) {
        values[i] = static_cast<T>(values[i] + numbers[at + i]);
      }
    }
  });
}

MALLORN_KERNEL void restore_kernel(const TokenType& type, const uint8_t* base,
                                   const uint32_t* numbers, size_t count, uint8_t* to) {
  if (type.bytes == 1) restore_run<uint8_t>(type.kind, base, numbers, count, to);
  if (type.bytes == 2) restore_run<uint16_t>(type.kind, base, numbers, count, to);
  if (type.bytes == 4) restore_run<uint32_t>(type.kind, base, numbers, count, to);
}

MALLORN_KERNEL bool correct_kernel(Bounds bounds, const uint32_t* __restrict numbers,
                                   size_t count, int16_t* __restrict steps) {
  int32_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const int32_t number = steps[i] + static_cast<int32_t>(numbers[i]);
    wrong |= (number < bounds.low ? 1 : 0) | (number > bounds.high ? 1 : 0);
    steps[i] = static_cast<int16_t>(number);
  }
  return wrong == 0;
}

#undef MALLORN_KERNEL

}  // namespace mallorn::apply
