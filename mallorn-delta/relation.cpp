// Costs are order-0 entropies over a sample: of the bit length of differences for floats
// (their low bits are noise), of single bytes for everything else. All in integers, of
// 1/1024 bit: the choice must be the same on every machine.
#include "mallorn-delta/relation.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "libcommon/core/weight_block.hpp"
#include "libcommon/log2.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kSampleRuns = 64;    // spread over the tensor
constexpr size_t kRunElements = 256;  // each of so many elements
constexpr size_t kRunBytes = 4096;    // or, of blocks, at most so many bytes

using Histogram = std::array<uint32_t, 256>;

// What coding all that was counted takes, in 1/1024 bit.
uint64_t entropy(const Histogram& counts) {
  uint64_t total = 0;
  uint64_t sum = 0;
  for (const uint32_t count : counts) total += count;
  for (const uint32_t count : counts) {
    if (count > 0) sum += count * (log2_1024(total) - log2_1024(count));
  }
  return sum;
}

// The cheaper of two ways to code `symbols` symbols.
Relation choose(uint64_t direct, uint64_t residual, uint64_t symbols) {
  if (symbols == 0) return {};
  return {residual < direct, std::min(residual, direct) / symbols, direct / symbols};
}

// Calls visit(byte offset of an element) for the sampled elements.
template <typename Visit>
void sample(size_t length, size_t element_bytes, Visit visit) {
  const size_t elements = length / element_bytes;
  const size_t most = std::min(kRunElements, kRunBytes / element_bytes);
  const size_t runs = elements <= kSampleRuns * most ? 1 : kSampleRuns;
  const size_t per_run = runs == 1 ? elements : most;
  for (size_t run = 0; run < runs; ++run) {
    const size_t first = (elements - per_run) / std::max<size_t>(runs - 1, 1) * run;
    for (size_t i = 0; i < per_run; ++i) visit((first + i) * element_bytes);
  }
}

struct FloatLayout {
  unsigned width;
  unsigned mantissa_bits;
};

// A float without its sign: significand * 2^place, in units of the least float above zero.
struct Magnitude {
  uint64_t significand;
  unsigned place;
  bool is_negative;
};

Magnitude load_float(FloatLayout layout, const uint8_t* from) {
  const uint64_t bits = layout.width == 64   ? load_le<uint64_t>(from)
                        : layout.width == 32 ? load_le<uint32_t>(from)
                                             : load_le<uint16_t>(from);
  const uint64_t magnitude = bits & ((1ull << (layout.width - 1)) - 1);
  const uint64_t field = magnitude >> layout.mantissa_bits;
  const uint64_t hidden = 1ull << layout.mantissa_bits;
  const uint64_t significand = (magnitude & (hidden - 1)) | (field != 0 ? hidden : 0);
  return {significand, static_cast<unsigned>(field != 0 ? field - 1 : 0),
          bits >> (layout.width - 1) != 0};
}

// How many bits the difference of two floats has, from units of the least float on; 0 if
// they are equal. What is far below the larger of them does not count.
unsigned difference_length(const Magnitude& a, const Magnitude& b) {
  constexpr unsigned kBelow = 8;
  const unsigned place = std::max(a.place, b.place);
  const auto aligned = [&](const Magnitude& value) {
    const unsigned down = std::min(place - value.place, 63u);
    const auto size = static_cast<int64_t>(value.significand << kBelow >> down);
    return value.is_negative ? -size : size;
  };
  const int64_t difference = aligned(a) - aligned(b);
  if (difference == 0) return 0;
  const auto size = static_cast<uint64_t>(difference < 0 ? -difference : difference);
  const unsigned length = static_cast<unsigned>(std::bit_width(size)) + place;
  return length > kBelow ? length - kBelow : 1;
}

// A sampled float before and now.
struct FloatPair {
  Magnitude before;
  Magnitude now;
};

// What it costs to code the floats of a sample. On their own, the exponents of numbers cost
// their entropy, the sign and the mantissa their bits. So it is with what differs, but that
// it has no more bits than the last place of the number asks for, and no more than the
// number itself. A zero has neither sign nor mantissa: of a pruned tensor, it says nothing
// about the others.
Relation relate_pairs(FloatLayout layout, const std::vector<FloatPair>& pairs) {
  constexpr uint8_t kZero = 255;  // no length that a difference has
  Histogram exponents{};
  Histogram lengths{};
  uint64_t direct_raw = 0;
  uint64_t residual_raw = 0;
  for (const FloatPair& pair : pairs) {
    const bool is_zero = pair.now.significand == 0;
    const unsigned length = difference_length(pair.before, pair.now);
    ++exponents[is_zero ? kZero : static_cast<uint8_t>(pair.now.place)];
    ++lengths[is_zero && length != 0 ? kZero : static_cast<uint8_t>(length)];
    if (is_zero) continue;
    direct_raw += 1 + layout.mantissa_bits;
    if (length == 0) continue;
    const unsigned more = std::max(length, pair.now.place + 1) - 1 - pair.now.place;
    residual_raw += 1 + std::min(more, layout.width);
  }
  return choose(entropy(exponents) + 1024 * direct_raw,
                entropy(lengths) + 1024 * residual_raw, pairs.size());
}

// Gains are in units of 2^-12, as those of values; lanes that have one of their own have at
// least so many elements in a row.
constexpr int kGainBits = 12;
constexpr size_t kLaneElements = 64;
constexpr uint64_t kWorthGains = 1024;  // of an element: less needs no gains

// The gain of most pairs from `first` to `last`, or 0 if it is none that can be coded.
int64_t gain_of(const FloatPair* first, const FloatPair* last) {
  std::vector<int64_t> gains;
  for (const FloatPair* pair = first; pair != last; ++pair) {
    if (pair->before.significand == 0 || pair->now.significand == 0) continue;
    const int up = kGainBits + static_cast<int>(pair->now.place) -
                   static_cast<int>(pair->before.place);
    uint64_t gain = 0;
    if (up >= 0 && up < 32)
      gain = ((pair->now.significand << up) + pair->before.significand / 2) /
             pair->before.significand;
    const auto size = static_cast<int64_t>(std::min<uint64_t>(gain, 33u << kGainBits));
    gains.push_back(pair->now.is_negative == pair->before.is_negative ? size : -size);
  }
  if (gains.empty()) return 0;
  const auto middle = gains.begin() + static_cast<std::ptrdiff_t>(gains.size() / 2);
  std::nth_element(gains.begin(), middle, gains.end());
  return *middle >= -(32 << kGainBits) && *middle <= 32 << kGainBits ? *middle : 0;
}

// A number times a gain, with as many bits as before.
Magnitude multiply(FloatLayout layout, const Magnitude& number, int64_t gain) {
  const uint64_t product =
      number.significand * static_cast<uint64_t>(gain < 0 ? -gain : gain);
  if (product == 0) return {};
  const auto length = static_cast<int>(std::bit_width(product));
  const int place = static_cast<int>(number.place) - kGainBits;
  const int down = std::max(length - static_cast<int>(layout.mantissa_bits) - 1, -place);
  return {down >= 0 ? product >> std::min(down, 63) : product << -down,
          static_cast<unsigned>(place + down), number.is_negative != (gain < 0)};
}

// Where lanes of so many pairs end.
std::vector<size_t> lanes_of(size_t pairs, size_t lane) {
  std::vector<size_t> ends;
  for (size_t end = lane; end < pairs; end += lane) ends.push_back(end);
  ends.push_back(pairs);
  return ends;
}

// Where rows end among sampled pairs, given the row of each.
std::vector<size_t> rows_of(const std::vector<uint64_t>& row) {
  std::vector<size_t> ends;
  for (size_t i = 1; i < row.size(); ++i) {
    if (row[i] != row[i - 1]) ends.push_back(i);
  }
  ends.push_back(row.size());
  return ends;
}

// The same with a gain for each of the lanes that end so. What is left of numbers that have
// nothing to do with each other looks a little smaller so: it has to be clearly less.
Relation relate_multiplied(FloatLayout layout, std::vector<FloatPair> pairs,
                           const std::vector<size_t>& ends) {
  size_t begin = 0;
  for (const size_t end : ends) {
    const int64_t gain = gain_of(pairs.data() + begin, pairs.data() + end);
    for (size_t i = begin; i < end && gain != 0; ++i)
      pairs[i].before = multiply(layout, pairs[i].before, gain);
    begin = end;
  }
  Relation relation = relate_pairs(layout, pairs);
  relation.is_related = relation.cost * 16 < relation.direct * 15;
  return relation;
}

Relation relate_floats(FloatLayout layout, ByteView base, ByteView result,
                       uint64_t row_elements) {
  const size_t width = layout.width / 8;
  std::vector<FloatPair> pairs;
  std::vector<uint64_t> row;
  sample(result.size(), width, [&](size_t at) {
    pairs.push_back(
        {load_float(layout, base.data() + at), load_float(layout, result.data() + at)});
    if (row_elements != 0) row.push_back(at / width / row_elements);
  });
  const Relation same = relate_pairs(layout, pairs);
  if (layout.width == 64 || pairs.empty()) return same;
  // Some rows may have become negative, and the others have stayed what they are.
  if (row_elements >= kLaneElements && same.cost >= kWorthGains) {
    const Relation by_row = relate_multiplied(layout, pairs, rows_of(row));
    if (by_row.is_related && by_row.cost * 16 < same.cost * 15) return by_row;
  }
  if (same.is_related) return same;
  for (const size_t lane : {pairs.size(), kLaneElements}) {
    const Relation multiplied =
        relate_multiplied(layout, pairs, lanes_of(pairs.size(), lane));
    if (multiplied.is_related) return multiplied;
  }
  return same;
}

template <size_t lanes>
Histogram sum_of(const std::array<Histogram, lanes>& histograms) {
  Histogram sum{};
  for (const Histogram& one : histograms) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
  }
  return sum;
}

// Zeros are told from all others first, as they are in pruned tensors; `sign` is -1 if the
// base is to be negated.
Relation relate_bytes(ByteView base, ByteView result, size_t stride, int sign) {
  // Most differences are one, and a count is late for the next.
  constexpr size_t kLanes = 4;
  std::array<Histogram, kLanes> directs{};
  std::array<Histogram, kLanes> differences{};
  Histogram zeros{};
  sample(result.size() / stride * stride, stride, [&](size_t at) {
    uint32_t zero_count = 0;
    for (size_t i = at; i < at + stride; ++i) {
      ++directs[i % kLanes][result[i]];
      const auto differs = static_cast<uint8_t>(result[i] - sign * base[i]);
      const uint32_t is_zero = result[i] == 0 && differs != 0 ? 1 : 0;
      zero_count += is_zero;
      differences[i % kLanes][differs] += 1 - is_zero;
    }
    zeros[0] += static_cast<uint32_t>(stride) - zero_count;
    zeros[1] += zero_count;
  });
  const Histogram direct = sum_of(directs);
  const uint64_t symbols = uint64_t{zeros[0]} + zeros[1];
  return choose(entropy(direct), entropy(sum_of(differences)) + entropy(zeros), symbols);
}

Relation relate_codes(ByteView base, ByteView result) {
  const Relation same = relate_bytes(base, result, 1, 1);
  if (same.is_related) return same;
  const Relation negated = relate_bytes(base, result, 1, -1);
  return negated.is_related ? negated : same;
}

}  // namespace

uint64_t relation_unit(Dtype dtype) {
  const bool is_float = dtype == Dtype::f64 || dtype == Dtype::f32 || dtype == Dtype::f16 ||
                        dtype == Dtype::bf16;
  return is_float ? dtype_layout(dtype).block_bytes : 1;
}

Relation relate(Dtype dtype, ByteView base, ByteView result, uint64_t row_elements) {
  switch (dtype) {
    case Dtype::f64:
      return relate_floats({64, 52}, base, result, row_elements);
    case Dtype::f32:
      return relate_floats({32, 23}, base, result, row_elements);
    case Dtype::f16:
      return relate_floats({16, 10}, base, result, row_elements);
    case Dtype::bf16:
      return relate_floats({16, 7}, base, result, row_elements);
    case Dtype::i8:
      return relate_codes(base, result);
    default:
      return relate_bytes(base, result, dtype_layout(dtype).block_bytes, 1);
  }
}

// Scales count as they are: most of what they take is foreseen, but no sample tells that.
Relation relate_weights(Dtype dtype, const std::vector<uint32_t>& weights,
                        ByteView result) {
  const QuantGrid& grid = *quant_grid(dtype);
  const DtypeLayout& layout = dtype_layout(dtype);
  const auto bounds = static_cast<unsigned>(grid.codes.high - grid.codes.low);
  const auto code_bits = static_cast<uint64_t>(std::bit_width(bounds));
  const uint64_t scale_bits = 8 * layout.block_bytes - code_bits * layout.block_elements;
  const Relation direct = relate(dtype, result, result);
  Histogram differences{};
  QuantBlock block;
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto at = static_cast<uint32_t>(i % layout.block_elements);
    if (at == 0) {
      const size_t begin = i / layout.block_elements * layout.block_bytes;
      read_quant_block(dtype, result.data() + begin, &block);
    }
    int64_t place = WeightMap(quant_line(grid, block, at / grid.group_codes))
                        .place(weight_of(weights[i]));
    if (grid.table != nullptr) place = grid.table->place(place, block.code[at]);
    const int64_t expected =
        std::clamp<int64_t>((place + 2048) >> 12, grid.codes.low, grid.codes.high);
    ++differences[static_cast<uint8_t>(block.code[at] - expected)];
  }
  const uint64_t blocks = weights.size() / layout.block_elements;
  return choose(direct.direct * result.size(),
                entropy(differences) + 1024 * scale_bits * blocks, result.size());
}

}  // namespace mallorn::delta
