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
  const size_t runs = elements <= kSampleRuns * kRunElements ? 1 : kSampleRuns;
  const size_t per_run = runs == 1 ? elements : kRunElements;
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

// On their own, the exponents of numbers cost their entropy, the sign and the mantissa
// their bits. So it is with what differs, but that it has no more bits than the last place
// of the number asks for.
Relation relate_floats(FloatLayout layout, ByteView base, ByteView result) {
  Histogram exponents{};
  Histogram lengths{};
  uint64_t residual_raw = 0;
  uint64_t elements = 0;
  sample(result.size(), layout.width / 8, [&](size_t at) {
    const Magnitude old_value = load_float(layout, base.data() + at);
    const Magnitude new_value = load_float(layout, result.data() + at);
    const unsigned length = difference_length(old_value, new_value);
    ++exponents[static_cast<uint8_t>(new_value.place)];
    ++lengths[static_cast<uint8_t>(length)];
    if (length != 0)
      residual_raw += 1 + (std::max(length, new_value.place + 1) - 1 - new_value.place);
    ++elements;
  });
  const uint64_t direct = entropy(exponents) + 1024 * elements * (1 + layout.mantissa_bits);
  return choose(direct, entropy(lengths) + 1024 * residual_raw, elements);
}

Relation relate_bytes(ByteView base, ByteView result, size_t stride) {
  Histogram direct{};
  Histogram difference{};
  sample(result.size() / stride * stride, stride, [&](size_t at) {
    for (size_t i = at; i < at + stride; ++i) {
      ++direct[result[i]];
      ++difference[static_cast<uint8_t>(result[i] - base[i])];
    }
  });
  uint64_t symbols = 0;
  for (const uint32_t count : direct) symbols += count;
  return choose(entropy(direct), entropy(difference), symbols);
}

}  // namespace

uint64_t relation_unit(Dtype dtype) {
  const bool is_float = dtype == Dtype::f64 || dtype == Dtype::f32 || dtype == Dtype::f16 ||
                        dtype == Dtype::bf16;
  return is_float ? dtype_layout(dtype).block_bytes : 1;
}

Relation relate(Dtype dtype, ByteView base, ByteView result) {
  switch (dtype) {
    case Dtype::f64:
      return relate_floats({64, 52}, base, result);
    case Dtype::f32:
      return relate_floats({32, 23}, base, result);
    case Dtype::f16:
      return relate_floats({16, 10}, base, result);
    case Dtype::bf16:
      return relate_floats({16, 7}, base, result);
    default:
      return relate_bytes(base, result, dtype_layout(dtype).block_bytes);
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
