#include "mallorn-pack/token_writer.hpp"

#include <algorithm>
#include <numeric>

#include "libcommon/core/bytes.hpp"
#include "libcommon/log2.hpp"

namespace mallorn::pack {
namespace {

using Counts = std::array<uint32_t, kMaxTokens>;

// At least 1 for each token that comes; what rounding leaves over, or has taken too much,
// is a matter of the most frequent one.
Frequencies scaled(const Counts& counts, uint64_t total) {
  Frequencies frequencies{};
  uint32_t sum = 0;
  for (size_t i = 0; i < kMaxTokens; ++i) {
    if (counts[i] == 0) continue;
    const uint64_t share = (counts[i] * uint64_t{kFrequencyTotal} + total / 2) / total;
    frequencies[i] = static_cast<uint16_t>(std::max<uint64_t>(share, 1));
    sum += frequencies[i];
  }
  while (sum != kFrequencyTotal) {
    uint16_t& most = *std::max_element(frequencies.begin(), frequencies.end());
    const uint32_t step = sum < kFrequencyTotal
                              ? kFrequencyTotal - sum
                              : std::min(sum - kFrequencyTotal, most / 8 + 1u);
    most = static_cast<uint16_t>(sum < kFrequencyTotal ? most + step : most - step);
    sum = sum < kFrequencyTotal ? sum + step : sum - step;
  }
  return frequencies;
}

uint64_t total_of(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

// What an encoder needs of a token, by context and token.
struct Share {
  uint32_t frequency;
  uint32_t first;  // slot
};

using Shares = std::array<Share, kMaxTokens>;

std::vector<Shares> shares_of(const std::vector<Frequencies>& frequencies) {
  std::vector<Shares> all(frequencies.size());
  for (size_t i = 0; i < all.size(); ++i) {
    uint32_t first = 0;
    for (size_t k = 0; k < kMaxTokens; ++k) {
      all[i][k] = {frequencies[i][k], first};
      first += frequencies[i][k];
    }
  }
  return all;
}

}  // namespace

std::vector<Frequencies> TokenList::frequencies() const {
  std::vector<Frequencies> all;
  for (const Counts& counts : counts_) {
    const uint64_t total = total_of(counts);
    all.push_back(total == 0 ? Frequencies{} : scaled(counts, total));
  }
  return all;
}

uint64_t TokenList::cost() const {
  uint64_t cost = 0;  // times 1024
  for (const Counts& counts : counts_) {
    const uint64_t total = total_of(counts);
    if (total == 0) continue;
    const uint64_t whole = log2_1024(total);
    for (const uint32_t count : counts) {
      if (count != 0) cost += count * (whole - log2_1024(count));
    }
  }
  return cost >> 10;
}

// Backwards: what is read first is written last.
std::vector<uint8_t> write_tokens(
    const std::vector<TokenList>& lists,
    const std::vector<std::vector<Frequencies>>& frequencies) {
  std::array<uint32_t, kTokenStates> states;
  states.fill(kLeastState);
  std::vector<uint16_t> words;
  for (size_t k = lists.size(); k-- > 0;) {
    const TokenList& list = lists[k];
    const std::vector<Shares> shares = shares_of(frequencies[k]);
    for (size_t i = list.size(); i-- > 0;) {
      uint32_t& state = states[i % kTokenStates];
      const Share share = shares[list.context(i)][list.token(i)];
      if (state >= uint64_t{share.frequency} << (32 - kFrequencyBits)) {
        words.push_back(static_cast<uint16_t>(state));
        state >>= 16;
      }
      state = (state / share.frequency << kFrequencyBits) + state % share.frequency +
              share.first;
    }
  }
  std::vector<uint8_t> coded(4 * kTokenStates + 2 * words.size());
  uint8_t* to = coded.data();
  for (size_t i = 0; i < kTokenStates; ++i, to += 4) store_le(to, states[i]);
  for (size_t i = words.size(); i-- > 0; to += 2) store_le(to, words[i]);
  return coded;
}

}  // namespace mallorn::pack
