#include "mallorn-apply/core/token_kernels.hpp"

namespace mallorn::apply {
namespace {

void expand(TokenKind kind, const uint8_t* tokens, size_t count, RawBits* raw,
            uint32_t* numbers) {
  expand_kernel(kind, tokens, count, raw, numbers);
}

void find_contexts(const TokenType& type, uint32_t level, const uint8_t* base, size_t count,
                   uint8_t* contexts) {
  find_contexts_kernel(type, level, base, count, contexts);
}

void restore(const TokenType& type, const uint8_t* base, const uint32_t* numbers,
             size_t count, uint8_t* to) {
  restore_kernel(type, base, numbers, count, to);
}

void guess(const CodeMap& map, uint32_t level, Bounds bounds, size_t count, int16_t* steps,
           uint8_t* contexts) {
  guess_numbers(map, level, bounds, count, steps, contexts);
}

bool correct(Bounds bounds, const uint32_t* numbers, size_t count, int16_t* steps) {
  return correct_kernel(bounds, numbers, count, steps);
}

}  // namespace

const TokenKernels& portable_kernels() {
  static constexpr TokenKernels kKernels = {read_tokens, expand, find_contexts,
                                            restore,     guess,  correct};
  return kKernels;
}

}  // namespace mallorn::apply
