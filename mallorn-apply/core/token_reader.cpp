#include "mallorn-apply/core/token_reader.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kWordBytes = 2;

// One step of the coder of `state`; true if it then needs a word.
bool step(const TokenSlots& slots, uint32_t context, uint32_t* state, uint8_t* token) {
  const uint32_t slot = *state & (kFrequencyTotal - 1);
  const uint32_t entry = slots[(context << kFrequencyBits) + slot];
  *state = (entry & 0xFFF) * (*state >> kFrequencyBits) + (entry >> 12 & 0xFFF);
  *token = static_cast<uint8_t>(entry >> 24);
  return *state < kLeastState;
}

}  // namespace

void fill_slots(uint32_t context, const Frequencies& frequencies, TokenSlots* slots) {
  uint32_t* slot = slots->data() + (size_t{context} << kFrequencyBits);
  uint32_t filled = 0;
  for (uint32_t token = 0; token < kMaxTokens && filled < kFrequencyTotal; ++token) {
    const uint32_t frequency = frequencies[token];
    for (uint32_t i = 0; i < frequency; ++i) slot[i] = frequency | i << 12 | token << 24;
    slot += frequency;
    filled += frequency;
  }
  for (uint32_t i = 0; filled == 0 && i < kFrequencyTotal; ++i) {
    slot[i] = kFrequencyTotal | i << 12;
  }
}

bool TokenCoders::begin(ByteView coded) {
  constexpr size_t kStateBytes = 4;
  if (coded.size() < kTokenStates * kStateBytes) return false;
  for (size_t i = 0; i < kTokenStates; ++i) {
    state[i] = load_le<uint32_t>(coded.data() + kStateBytes * i);
    if (state[i] < kLeastState) return false;
  }
  words = coded.subspan(kTokenStates * kStateBytes);
  return true;
}

bool TokenCoders::is_at_end() const {
  for (const uint32_t each : state) {
    if (each != kLeastState) return false;
  }
  return words.empty();
}

bool read_tokens(const TokenSlots& slots, const uint8_t* contexts, size_t count,
                 TokenCoders* coders, uint8_t* tokens) {
  size_t at = 0;
  // While there are words for a turn of all coders, no test for their end.
  for (; count - at >= kTokenStates && coders->words.size() >= kTokenStates * kWordBytes;
       at += kTokenStates) {
    const uint8_t* word = coders->words.data();
    for (size_t i = 0; i < kTokenStates; ++i) {
      uint32_t state = coders->state[i];
      const bool is_low = step(slots, contexts[at + i], &state, &tokens[at + i]);
      const uint32_t filled = state << 16 | load_le<uint16_t>(word);
      coders->state[i] = is_low ? filled : state;
      word += is_low ? kWordBytes : 0;
    }
    const auto taken = static_cast<size_t>(word - coders->words.data());
    coders->words = coders->words.subspan(taken);
  }
  for (; at < count; ++at) {
    uint32_t& state = coders->state[at % kTokenStates];
    if (!step(slots, contexts[at], &state, &tokens[at])) continue;
    if (coders->words.size() < kWordBytes) return false;
    state = state << 16 | load_le<uint16_t>(coders->words.data());
    coders->words = coders->words.subspan(kWordBytes);
  }
  return true;
}

}  // namespace mallorn::apply
