// Finds which of many words differs from another one in the fewest bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mallorn::delta {

class NearWords {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // `is_thorough`: each search looks at all words. Otherwise at those about a place, and at
  // a bounded number of those that have a quarter of their bits in common with the word.
  NearWords(std::vector<uint64_t> words, bool is_thorough)
      : words_(std::move(words)), is_thorough_(is_thorough) {}

  // The index of a word that differs from `word` in few bits, the one at `expected` if none
  // is nearer; or kNone.
  uint32_t find(uint64_t word, uint32_t expected);

 private:
  static constexpr unsigned kBands = 4;

  // The words that have each value in some of their bits.
  struct Band {
    std::vector<uint32_t> begins;  // of those in `indices`, by value
    std::vector<uint32_t> indices;
  };

  // Of so many bits as there is a word for each, near enough, 16 at most.
  size_t value_in(uint64_t word, unsigned band) const {
    constexpr unsigned kBits = 64 / kBands;
    return word >> (band * kBits) & ((size_t{1} << value_bits_) - 1);
  }
  void make_bands();

  std::vector<uint64_t> words_;
  const bool is_thorough_;
  unsigned value_bits_ = 16;
  std::vector<Band> bands_;  // made when they are needed
};

}  // namespace mallorn::delta
