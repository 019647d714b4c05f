#include "mallorn-delta/near_words.hpp"

#include <algorithm>
#include <bit>

namespace mallorn::delta {
namespace {

// Bits of 64: by chance, once in a hundred million times.
constexpr int kMostDiffering = 10;
constexpr uint32_t kAbout = 64;      // indices before and after the expected one
constexpr uint32_t kMostAlike = 64;  // of those that share a value

}  // namespace

uint32_t NearWords::find(uint64_t word, uint32_t expected) {
  int least = kMostDiffering + 1;
  uint32_t best = kNone;
  const auto look_at = [&](uint32_t i) {
    const int differing = std::popcount(words_[i] ^ word);
    if (differing >= least) return;
    best = i;
    least = differing;
  };
  const auto count = static_cast<uint32_t>(words_.size());
  if (expected < count) look_at(expected);
  const uint32_t middle = std::min(expected, count);
  const uint32_t begin = is_thorough_ ? 0 : middle - std::min(middle, kAbout);
  const uint32_t end = is_thorough_ ? count : middle + std::min(count - middle, kAbout);
  for (uint32_t i = begin; i < end; ++i) look_at(i);
  if (best != kNone || is_thorough_) return best;
  make_bands();
  for (unsigned band = 0; band < kBands; ++band) {
    const Band& alike = bands_[band];
    const size_t value = value_in(word, band);
    const uint32_t first = alike.begins[value];
    const uint32_t tried = std::min(alike.begins[value + 1] - first, kMostAlike);
    for (uint32_t i = first; i < first + tried; ++i) look_at(alike.indices[i]);
  }
  return best;
}

void NearWords::make_bands() {
  if (!bands_.empty()) return;
  bands_.resize(kBands);
  value_bits_ = std::min(value_bits_, static_cast<unsigned>(std::bit_width(words_.size())));
  const size_t values = size_t{1} << value_bits_;
  for (unsigned band = 0; band < kBands; ++band) {
    std::vector<uint32_t>& begins = bands_[band].begins;
    begins.assign(values + 1, 0);
    for (const uint64_t word : words_) ++begins[value_in(word, band) + 1];
    for (size_t value = 0; value < values; ++value) begins[value + 1] += begins[value];
    std::vector<uint32_t> next = begins;
    std::vector<uint32_t>& indices = bands_[band].indices;
    indices.resize(words_.size());
    for (size_t i = 0; i < words_.size(); ++i)
      indices[next[value_in(words_[i], band)]++] = static_cast<uint32_t>(i);
  }
}

}  // namespace mallorn::delta
