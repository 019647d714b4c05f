#include "mallorn-pack/token_writer.hpp"

#include <algorithm>
#include <numeric>

#include "libcommon/core/bytes.hpp"
#include "libcommon/log2.hpp"

namespace mallorn::pack {
namespace {

// At least 1 for each token that comes; what rounding leaves over, or has taken too much,
// is a matter of the most frequent one.
Frequencies scaled(const std::array<uint32_t, kMaxTokens>& counts, uint64_t total) {
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

uint64_t total_of(const std::array<uint32_t, kMaxTokens>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

// What an encoder needs of a token in a context. States are divided by its frequency: they
// are below frequency * 2^21 then, so that the product with `inverse` fits 64 bits and
// misses the quotient by less than what could round it up.
constexpr uint32_t kInverseBits = 43;
struct Share {
  uint64_t inverse;
  uint32_t most;    // states above this have a word to give first
  uint16_t others;  // the frequency of all other tokens
  uint16_t first;   // slot
};

// By placed().
std::vector<Share> shares_of(const std::vector<Frequencies>& frequencies) {
  std::vector<Share> all(frequencies.size() * kMaxTokens);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    uint32_t first = 0;
    for (uint32_t k = 0; k < kMaxTokens; ++k) {
      const uint32_t frequency = frequencies[i][k];
      if (frequency == 0) continue;
      all[i * kMaxTokens + k] = {(uint64_t{1} << kInverseBits) / frequency + 1,
                                 (frequency << (32 - kFrequencyBits)) - 1,
                                 static_cast<uint16_t>(kFrequencyTotal - frequency),
                                 static_cast<uint16_t>(first)};
      first += frequency;
    }
  }
  return all;
}

}  // namespace

// In lanes that take turns: tokens often come several times in a row, and a count is late
// for its next use.
const std::vector<TokenList::Counts>& TokenList::counts() {
  if (!counts_.empty()) return counts_;
  constexpr size_t kLanes = 4;
  const size_t tokens = size_t{stream_.contexts} * kMaxTokens;
  std::vector<uint32_t> lanes(kLanes * tokens);
  size_t at = 0;
  for (; size_ - at >= kLanes; at += kLanes) {
    for (size_t i = 0; i < kLanes; ++i) ++lanes[i * tokens + tokens_[at + i]];
  }
  for (; at < size_; ++at) ++lanes[tokens_[at]];
  counts_.resize(stream_.contexts);
  for (size_t i = 0; i < lanes.size(); ++i) {
    const size_t token = i % tokens;
    counts_[token / kMaxTokens][token % kMaxTokens] += lanes[i];
  }
  return counts_;
}

std::vector<Frequencies> TokenList::frequencies() {
  std::vector<Frequencies> all;
  for (const Counts& counts : counts()) {
    const uint64_t total = total_of(counts);
    all.push_back(total == 0 ? Frequencies{} : scaled(counts, total));
  }
  return all;
}

uint64_t TokenList::cost() {
  uint64_t cost = 0;  // times 1024
  for (const Counts& counts : counts()) {
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
  size_t most_words = 0;
  for (const TokenList& list : lists) most_words += list.size();
  const auto words = std::make_unique_for_overwrite<uint16_t[]>(most_words);
  size_t begin = most_words;  // of words that are in use
  for (size_t k = lists.size(); k-- > 0;) {
    const TokenList& list = lists[k];
    const std::vector<Share> shares = shares_of(frequencies[k]);
    for (size_t i = list.size(); i-- > 0;) {
      const Share& share = shares[list[i]];
      uint32_t state = states[i % kTokenStates];
      if (state > share.most) {
        words[--begin] = static_cast<uint16_t>(state);
        state >>= 16;
      }
      const auto quotient = static_cast<uint32_t>(state * share.inverse >> kInverseBits);
      states[i % kTokenStates] = state + share.first + quotient * share.others;
    }
  }
  std::vector<uint8_t> coded(4 * kTokenStates + 2 * (most_words - begin));
  uint8_t* to = coded.data();
  for (size_t i = 0; i < kTokenStates; ++i, to += 4) store_le(to, states[i]);
  for (size_t i = begin; i < most_words; ++i, to += 2) store_le(to, words[i]);
  return coded;
}

}  // namespace mallorn::pack
