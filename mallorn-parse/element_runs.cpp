#include "mallorn-parse/element_runs.hpp"

#include <algorithm>
#include <array>

#include "libcommon/log2.hpp"
#include "libcommon/passed_pages.hpp"

namespace mallorn::parse {
namespace {

constexpr size_t kSample = 4096;            // bytes that are looked at in each block
constexpr uint64_t kLargeFile = 16u << 20;  // from here on blocks are longer
constexpr size_t kLargeBlock = 4 * kSample;
constexpr uint64_t kMaxRun = 16u << 20;
constexpr size_t kLanes = 4;
constexpr size_t kWideLanes = 8;
constexpr size_t kLeastBlocks =
    4;  // shorter runs are taken for a part of what surrounds them

using Histogram = std::array<uint32_t, 256>;
using Lanes = std::array<Histogram, kLanes>;  // by offset in the file mod 4
using WideLanes = std::array<Histogram, kWideLanes>;

// What a block seems to hold: elements that begin at offsets = phase mod their width.
struct DtypeGuess {
  Dtype dtype = Dtype::opaque;
  unsigned phase = 0;

  bool operator==(const DtypeGuess&) const = default;
};

Histogram sum(const Histogram& a, const Histogram& b) {
  Histogram both{};
  for (size_t i = 0; i < both.size(); ++i) both[i] = a[i] + b[i];
  return both;
}

// Of one symbol, in 1/1024 bit.
uint64_t entropy(const Histogram& counts) {
  uint64_t total = 0;
  uint64_t bits = 0;
  for (const uint32_t count : counts) total += count;
  for (const uint32_t count : counts) {
    if (count > 0) bits += count * (log2_1024(total) - log2_1024(count));
  }
  return total == 0 ? 0 : bits / total;
}

// How many in 64 of the symbols a test holds for.
template <typename Test>
uint64_t share(const Histogram& counts, Test test) {
  uint64_t total = 0;
  uint64_t held = 0;
  for (unsigned symbol = 0; symbol < counts.size(); ++symbol) {
    total += counts[symbol];
    held += test(symbol) ? counts[symbol] : 0;
  }
  return total == 0 ? 0 : held * 64 / total;
}

// Highest bytes of binary32 and bfloat16 numbers from 2^-46 to 2^16, and of 0.
bool is_plausible_exponent(unsigned byte) {
  const unsigned magnitude = byte & 0x7f;
  return magnitude == 0 || (magnitude >= 0x28 && magnitude <= 0x47);
}

// Of binary16 the two lowest bits of the highest byte are of the mantissa, and as good as
// random; of bfloat16 they are of the exponent.
bool is_binary16(const Histogram& highest) {
  Histogram without{};
  for (size_t i = 0; i < highest.size(); ++i) without[i >> 2] += highest[i];
  return entropy(highest) - entropy(without) > 1024 * 7 / 4;
}

// Whether neighbours occur about as often: true for the codes of weights, hardly ever for
// text, tables and addresses.
bool is_smooth(const Histogram& counts) {
  uint64_t total = 0;
  uint64_t common = 0;
  for (unsigned i = 0; i < counts.size(); ++i) {
    total += counts[i];
    common += std::min(counts[i], counts[(i + 1) % counts.size()]);
  }
  return common * 4 > total * 3;
}

DtypeGuess guess_floats(const Lanes& lanes) {
  constexpr uint64_t kNoise = 1024 * 7;      // what low bits of a mantissa have at least
  constexpr uint64_t kClear = 1024 * 3 / 2;  // a highest byte has so much less
  constexpr uint64_t kMostOfThem = 60;       // in 64
  std::array<uint64_t, kLanes> bits{};
  for (size_t i = 0; i < kLanes; ++i) bits[i] = entropy(lanes[i]);
  const auto highest = static_cast<unsigned>(std::ranges::min_element(bits) - bits.begin());
  const unsigned phase = (highest + 1) % kLanes;
  const auto lane = [&](unsigned i) { return bits[(phase + i) % kLanes]; };
  if (lane(0) < kNoise || lane(3) + kClear > lane(0)) return {};
  if (lane(1) > kNoise && lane(2) > lane(3) + kClear) {
    const bool is_float = share(lanes[highest], is_plausible_exponent) >= kMostOfThem;
    return is_float ? DtypeGuess{Dtype::f32, phase} : DtypeGuess{};
  }
  if (lane(2) < kNoise || lane(1) + kClear > lane(0)) return {};
  const Histogram both = sum(lanes[highest], lanes[(highest + 2) % kLanes]);
  if (is_binary16(both)) return {Dtype::f16, phase % 2};
  const bool is_float = share(both, is_plausible_exponent) >= kMostOfThem;
  return is_float ? DtypeGuess{Dtype::bf16, phase % 2} : DtypeGuess{};
}

// Highest bytes of binary64 numbers from 2^-47 to 2^16, and of 0.
bool is_plausible_wide_exponent(unsigned byte) {
  const unsigned magnitude = byte & 0x7f;
  return magnitude == 0 || (magnitude >= 0x3d && magnitude <= 0x40);
}

// Whether binary64 numbers begin at `phase`: no byte of the mantissa is more even than the
// next higher one (the lowest may be zero, where numbers were shorter once), and the byte
// below the highest is half of the exponent.
bool are_doubles(const WideLanes& lanes, unsigned phase) {
  constexpr uint64_t kNoise = 1024 * 7;  // of some hundred symbols
  constexpr uint64_t kClear = 1024 * 3 / 2;
  constexpr uint64_t kMostOfThem = 60;  // in 64
  constexpr uint64_t kAlike = 1024 / 4;
  const auto lane = [&](unsigned i) -> const Histogram& {
    return lanes[(phase + i) % kWideLanes];
  };
  if (share(lane(7), is_plausible_wide_exponent) < kMostOfThem) return false;
  std::array<uint64_t, kWideLanes> bits{};
  for (unsigned i = 0; i < kWideLanes; ++i) bits[i] = entropy(lane(i));
  for (size_t i = 0; i < 5; ++i) {
    if (bits[i] > bits[i + 1] + kAlike) return false;
  }
  return bits[4] > kNoise && bits[6] > bits[7] + kClear;
}

DtypeGuess guess_doubles(const WideLanes& lanes) {
  for (unsigned phase = 0; phase < kWideLanes; ++phase) {
    if (are_doubles(lanes, phase)) return {Dtype::f64, phase};
  }
  return {};
}

DtypeGuess guess_integers(const Lanes& lanes) {
  constexpr uint64_t kLeast = 1024 * 3;
  constexpr uint64_t kMost =
      1024 * 31 / 4;  // above that nothing is known from random bytes
  constexpr uint64_t kAlike = 1024 / 4;
  const Histogram all = sum(sum(lanes[0], lanes[1]), sum(lanes[2], lanes[3]));
  const uint64_t bits = entropy(all);
  if (bits < kLeast || bits > kMost || !is_smooth(all)) return {};
  const uint64_t upper = share(all, [](unsigned byte) { return byte >= 0x80; });
  if (upper < 4 || upper > 60) return {};  // text, as a rule
  for (const Histogram& lane : lanes) {
    if (entropy(lane) + kAlike < bits) return {};
  }
  return {Dtype::i8, 0};
}

// `sample` lies at `offset` in the file.
DtypeGuess guess(ByteView sample, uint64_t offset) {
  WideLanes wide{};
  for (size_t i = 0; i < sample.size(); ++i) ++wide[(offset + i) % kWideLanes][sample[i]];
  Lanes lanes{};
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = sum(wide[i], wide[i + kLanes]);
  const DtypeGuess floats = guess_floats(lanes);
  if (floats.dtype != Dtype::opaque) return floats;
  const DtypeGuess doubles = guess_doubles(wide);
  return doubles.dtype != Dtype::opaque ? doubles : guess_integers(lanes);
}

// What few blocks in a row seem to hold is what the run before them holds, if that goes on
// behind them.
void smooth_out(std::vector<DtypeGuess>* guesses) {
  size_t begin = 0;
  for (size_t i = 1; i <= guesses->size(); ++i) {
    if (i < guesses->size() && (*guesses)[i] == (*guesses)[begin]) continue;
    const bool is_inside = begin > 0 && i < guesses->size();
    if (is_inside && i - begin < kLeastBlocks && (*guesses)[begin - 1] == (*guesses)[i]) {
      std::fill(guesses->begin() + static_cast<ptrdiff_t>(begin),
                guesses->begin() + static_cast<ptrdiff_t>(i), (*guesses)[i]);
    }
    begin = i;
  }
}

// Adds [begin, end) as runs of whole elements.
void add_runs(DtypeGuess guess, uint64_t begin, uint64_t end,
              std::vector<ElementRun>* runs) {
  const uint64_t width = dtype_layout(guess.dtype).block_bytes;
  const auto aligned = [&](uint64_t at) {
    return at + (guess.phase + width - at % width) % width;
  };
  for (uint64_t at = aligned(begin); at < end;) {
    uint64_t next = aligned(std::min(end, (at / kMaxRun + 1) * kMaxRun));
    if (next > end) next -= width;
    if (next <= at) break;
    runs->push_back({at, next - at, guess.dtype});
    at = next;
  }
}

}  // namespace

std::vector<ElementRun> find_element_runs(ByteView file) {
  const size_t block = file.size() < kLargeFile ? kSample : kLargeBlock;
  const size_t blocks = file.size() / block;
  std::vector<DtypeGuess> guesses;
  PassedPages passed(file, 0);
  for (size_t i = 0; i < blocks; ++i) {
    guesses.push_back(guess(file.subspan(i * block, kSample), i * block));
    passed.advance_to(i * block);
  }
  smooth_out(&guesses);
  std::vector<ElementRun> runs;
  for (size_t begin = 0; begin < blocks;) {
    size_t end = begin;
    while (end < blocks && guesses[end] == guesses[begin]) ++end;
    if (guesses[begin].dtype != Dtype::opaque && end - begin >= kLeastBlocks) {
      add_runs(guesses[begin], uint64_t{begin} * block,
               end == blocks ? file.size() : uint64_t{end} * block, &runs);
    }
    begin = end;
  }
  return runs;
}

}  // namespace mallorn::parse
