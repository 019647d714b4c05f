#include "mallorn-delta/derived.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <tuple>

#include "libcommon/core/f32_arithmetic.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kMinVectorBytes = 8 * sizeof(uint32_t);  // shorter ones do not pay
constexpr uint64_t kMaxVectorBytes = 1u << 16;
constexpr size_t kNeighbours = 32;  // vectors as long that are tried, on either side
constexpr size_t kProbes = 16;      // numbers of a vector by which a factor is guessed
constexpr uint32_t kNear = 4;       // units in the last place that such a guess may be off

// Rough costs in bits: a number coded as bytes, what saying that a vector is derived takes,
// and a number that is not the product, beside the length of the difference.
constexpr uint64_t kNumberBits = 16;
constexpr uint64_t kStepBits = 100;
constexpr uint64_t kCorrectionBits = 2;

// The numbers of a range, as they lie in the file.
class Numbers {
 public:
  explicit Numbers(ByteView bytes) : bytes_(bytes) {}
  size_t size() const { return bytes_.size() / sizeof(uint32_t); }
  uint32_t operator[](size_t i) const {
    return load_le<uint32_t>(bytes_.data() + i * sizeof(uint32_t));
  }

 private:
  ByteView bytes_;
};

struct Vector {
  size_t range = 0;
  Numbers numbers;
  uint64_t direct_bits = 0;  // what it costs as bytes; 0 if the base has it
};

struct Candidate {
  size_t vector = 0;
  size_t source = 0;
  uint32_t factor = 0;
  uint64_t bits = 0;
  uint64_t gain = 0;
};

// 2 * how far apart, one less for one of the two directions.
uint32_t folded_difference(uint32_t number, uint32_t product) {
  const uint32_t difference = number - product;
  return difference << 1 ^ (0 - (difference >> 31));
}

bool is_usual(uint32_t number) {
  const uint32_t exponent = number >> 23 & 0xFF;
  return exponent != 0 && exponent != 0xFF;
}

uint64_t bits_as_bytes(const Numbers& numbers) {
  uint64_t bits = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    bits += i == 0 || numbers[i] != numbers[i - 1] ? kNumberBits : 0;
  }
  return bits;
}

uint64_t bits_as_derived(const Numbers& numbers, const Numbers& source, uint32_t factor) {
  uint64_t bits = kStepBits;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const uint32_t folded = folded_difference(numbers[i], f32_product(source[i], factor));
    if (folded != 0)
      bits += static_cast<uint64_t>(std::bit_width(folded)) + kCorrectionBits;
  }
  return bits;
}

// How many ratios are so near to `factor` that numbers may agree on it: quick to tell.
uint32_t near_ratios(const std::array<uint32_t, kProbes>& ratios, uint32_t factor) {
  constexpr uint32_t kMostApart =
      4 * kNear;  // units in the last place; agreeing, they are within 10
  uint32_t count = 0;
  for (const uint32_t ratio : ratios) {
    count += ratio - factor + kMostApart <= 2 * kMostApart ? 1 : 0;
  }
  return count;
}

// The factor that most of a few numbers agree on, but for its last bits; 0 if there is
// none.
uint32_t guess_factor(const Numbers& numbers, const Numbers& source) {
  // Not at equal distances: what is periodic must not hide from them.
  const size_t count = numbers.size();
  const size_t stride = std::max<size_t>(count / kProbes, 1);
  const auto at = [&](size_t probe) { return probe * count / kProbes + probe % stride; };
  std::array<uint32_t, kProbes> ratios{};  // 0: tells nothing
  uint32_t unknown = 0;
  for (size_t i = 0; i < kProbes; ++i) {
    const uint32_t number = numbers[at(i)];
    const uint32_t from = source[at(i)];
    if (is_usual(number) && is_usual(from)) {
      ratios[i] = std::bit_cast<uint32_t>(std::bit_cast<float>(number) /
                                          std::bit_cast<float>(from));
    }
    unknown += is_usual(ratios[i]) ? 0 : 1;
  }
  uint32_t best = 0;
  uint32_t most = kProbes / 8;
  for (const uint32_t factor : ratios) {
    if (factor == 0 || unknown + near_ratios(ratios, factor) <= most) continue;
    uint32_t agree = 0;
    for (size_t k = 0; k < kProbes; ++k) {
      const uint32_t product = f32_product(source[at(k)], factor);
      agree += folded_difference(numbers[at(k)], product) <= 2 * kNear ? 1 : 0;
    }
    if (agree <= most) continue;
    most = agree;
    best = factor;
  }
  return best;
}

class Finder {
 public:
  Finder(const Model& base, const Model& result, const std::vector<Twin>& twins)
      : base_(base), result_(result), twins_(twins) {}

  std::vector<std::optional<Derived>> run() {
    std::vector<std::optional<Derived>> derived(result_.manifest.ranges.size());
    if (result_.manifest.is_big_endian) return derived;
    gather();
    compare_all();
    choose();
    for (const Candidate& candidate : chosen_) {
      derived[vectors_[candidate.vector].range] = {vectors_[candidate.source].range,
                                                   candidate.factor, candidate.bits / 8};
    }
    return derived;
  }

 private:
  static bool comes_first(ByteView a, ByteView b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }

  void gather() {
    std::vector<ByteView> known;  // those of the base, sorted
    for (const Range& range : base_.manifest.ranges) {
      if (may_be_derived(range)) known.push_back(bytes_of(base_, range));
    }
    std::sort(known.begin(), known.end(), comes_first);
    const std::vector<Range>& ranges = result_.manifest.ranges;
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (!may_be_derived(ranges[i]) || is_other(twins_, ranges[i].offset_bytes)) continue;
      const ByteView bytes = bytes_of(result_, ranges[i]);
      const bool is_known =
          std::binary_search(known.begin(), known.end(), bytes, comes_first);
      const Numbers numbers(bytes);
      vectors_.push_back({i, numbers, is_known ? 0 : bits_as_bytes(numbers)});
    }
  }

  void compare_all() {
    std::map<size_t, std::vector<size_t>> by_length;
    for (size_t i = 0; i < vectors_.size(); ++i) {
      by_length[vectors_[i].numbers.size()].push_back(i);
    }
    for (const auto& [length, group] : by_length) {
      for (size_t i = 0; i < group.size(); ++i) {
        if (vectors_[group[i]].direct_bits <= kStepBits) continue;
        const size_t end = std::min(group.size(), i + kNeighbours + 1);
        for (size_t k = i - std::min(i, kNeighbours); k < end; ++k) {
          if (k != i) compare(group[i], group[k]);
        }
      }
    }
  }

  void compare(size_t vector, size_t source) {
    const Numbers& numbers = vectors_[vector].numbers;
    const Numbers& from = vectors_[source].numbers;
    const uint32_t guess = guess_factor(numbers, from);
    if (guess == 0) return;
    Candidate best;
    best.bits = vectors_[vector].direct_bits;
    for (uint32_t factor = guess - 2; factor <= guess + 2; ++factor) {
      const uint64_t bits = bits_as_derived(numbers, from, factor);
      if (bits >= best.bits) continue;
      best = {vector, source, factor, bits, vectors_[vector].direct_bits - bits};
    }
    if (best.gain > 0) candidates_.push_back(best);
  }

  // The largest gains first, as far as each leaves the sources of those before it known.
  void choose() {
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& a, const Candidate& b) {
                return std::tie(b.gain, a.vector, a.source) <
                       std::tie(a.gain, b.vector, b.source);
              });
    std::vector<bool> is_chosen(vectors_.size());
    std::vector<size_t> first_user(vectors_.size(), vectors_.size());
    for (const Candidate& candidate : candidates_) {
      const size_t vector = candidate.vector;
      const size_t source = candidate.source;
      if (is_chosen[vector] || first_user[vector] < vector) continue;
      if (is_chosen[source] && source > vector) continue;
      is_chosen[vector] = true;
      first_user[source] = std::min(first_user[source], vector);
      chosen_.push_back(candidate);
    }
  }

  const Model& base_;
  const Model& result_;
  const std::vector<Twin>& twins_;
  std::vector<Vector> vectors_;  // in the order of the file
  std::vector<Candidate> candidates_;
  std::vector<Candidate> chosen_;
};

}  // namespace

bool may_be_derived(const Range& range) {
  return range.dtype == Dtype::f32 && range.length_bytes >= kMinVectorBytes &&
         range.length_bytes <= kMaxVectorBytes &&
         range.length_bytes % sizeof(uint32_t) == 0;
}

std::vector<std::optional<Derived>> find_derived(const Model& base, const Model& result,
                                                 const std::vector<Twin>& twins) {
  return Finder(base, result, twins).run();
}

}  // namespace mallorn::delta
