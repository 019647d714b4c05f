// Decodes codec 6, `tokens` (docs/format/tokens.md).
#pragma once

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/core/token_model.hpp"
#include "mallorn-apply/core/token_kernels.hpp"
#include "mallorn-apply/core/token_reader.hpp"

namespace mallorn::apply {

constexpr size_t kTokenBatch = 1024;  // numbers that are decoded at a time

// Memory to work with, in any state.
struct TokensWorkspace {
  alignas(64) TokenSlots slots;
  // Of groups of 32 bytes or more, or of blocks, of which the least have 18 bytes.
  std::array<uint8_t, kMaxTokenBytes / 18 + 1> levels;
  Frequencies frequencies;
  TokenHead head;
  TokenCoders coders;
  std::array<uint32_t, kTokenBatch> unit;  // of a batch: those groups, or blocks, that move
  std::array<uint8_t, kTokenBatch> contexts;
  std::array<uint8_t, kTokenBatch> tokens;
  std::array<uint32_t, kTokenBatch> numbers;  // differences, modulo 2^32
  std::array<int16_t, kTokenBatch> steps;     // predicted codes
  QuantBlock base_block;
  QuantBlock result_block;
};

// Fills `result`, at most kMaxTokenBytes, from `coded` and `base`, which is as long, or
// empty. `kernels` are portable_kernels(), or what does the same. corrupt_data, and
// `result` partly written, if `dtype` has no token_type(), if lengths differ, or if the
// data is damaged.
Status decode_tokens(Dtype dtype, ByteView coded, ByteView base,
                     const TokenKernels& kernels, TokensWorkspace* space, ByteSpan result);

}  // namespace mallorn::apply
