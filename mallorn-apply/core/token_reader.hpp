// Reads tokens: 32 interleaved rANS decoders that share a stream of words
// (docs/format/tokens.md, "Tokens").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/token_model.hpp"

namespace mallorn::apply {

// For each context and each of its kFrequencyTotal slots, what a state in that slot means:
// frequency of the token (12 bits, from the lowest), slot less the token's first (12),
// token (8).
using TokenSlots = std::array<uint32_t, kMaxTokenContexts << kFrequencyBits>;

// Fills the slots of a context. The frequencies sum to kFrequencyTotal, or are all 0: then
// every token is 0, and says nothing.
void fill_slots(uint32_t context, const Frequencies& frequencies, TokenSlots* slots);

struct TokenCoders {
  alignas(32) std::array<uint32_t, kTokenStates> state;
  ByteView words;  // yet to be read

  // Takes the states, then words, from `coded`. False if it is too short, or a state is
  // none.
  [[nodiscard]] bool begin(ByteView coded);
  // True if everything was read and leaves the states in which encoders begin.
  [[nodiscard]] bool is_at_end() const;
};

// Reads `count` tokens, the first by state 0; only the last call for a stream may have a
// count that is no multiple of kTokenStates. `contexts` are below kMaxTokenContexts. False
// if words run out.
using ReadTokens = bool (*)(const TokenSlots& slots, const uint8_t* contexts, size_t count,
                            TokenCoders* coders, uint8_t* tokens);

// On any processor.
[[nodiscard]] bool read_tokens(const TokenSlots& slots, const uint8_t* contexts,
                               size_t count, TokenCoders* coders, uint8_t* tokens);

}  // namespace mallorn::apply
