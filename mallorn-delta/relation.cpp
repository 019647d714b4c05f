// Costs are order-0 entropies over a sample: of the bit length of differences for floats
// (their low bits are noise), of single bytes for everything else. All in integers, of
// 1/1024 bit: the choice must be the same on every machine.
#include "mallorn-delta/relation.hpp"

#include <algorithm>
#include <array>
#include <bit>

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
  return {residual < direct, std::min(residual, direct) / symbols};
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

int64_t load_monotone(const uint8_t* from, unsigned width) {
  const uint64_t bits = width == 64   ? load_le<uint64_t>(from)
                        : width == 32 ? load_le<uint32_t>(from)
                                      : load_le<uint16_t>(from);
  const bool is_negative = (bits >> (width - 1)) != 0;
  const auto magnitude = static_cast<int64_t>(bits & ((1ull << (width - 1)) - 1));
  return is_negative ? -1 - magnitude : magnitude;
}

// The exponents cost their entropy, the sign and the mantissa their bits.
Relation relate_floats(FloatLayout layout, ByteView base, ByteView result) {
  Histogram exponents{};
  Histogram lengths{};
  uint64_t residual_raw = 0;
  uint64_t elements = 0;
  sample(result.size(), layout.width / 8, [&](size_t at) {
    const int64_t old_value = load_monotone(base.data() + at, layout.width);
    const int64_t new_value = load_monotone(result.data() + at, layout.width);
    const uint64_t magnitude =
        static_cast<uint64_t>(new_value < 0 ? ~new_value : new_value);
    const auto difference =
        static_cast<uint64_t>(new_value) - static_cast<uint64_t>(old_value);
    const uint64_t size = std::min(difference, 0 - difference);
    const auto length = static_cast<unsigned>(std::bit_width(size));
    ++exponents[static_cast<uint8_t>(magnitude >> layout.mantissa_bits)];
    ++lengths[length];
    residual_raw += length;  // sign and the bits under the leading one
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

}  // namespace mallorn::delta
