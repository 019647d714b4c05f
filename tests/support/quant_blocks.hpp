// Quantized blocks made up for tests: at random, near others, and at every extreme.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/quant_block.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

// Every dtype with a grid.
constexpr Dtype kGridDtypes[] = {Dtype::q4_0, Dtype::q4_1, Dtype::q5_0,   Dtype::q5_1,
                                 Dtype::q8_0, Dtype::q2_k, Dtype::q3_k,   Dtype::q4_k,
                                 Dtype::q5_k, Dtype::q6_k, Dtype::iq4_nl, Dtype::iq4_xs,
                                 Dtype::mxfp4};

inline bool is_same(const QuantBlock& a, const QuantBlock& b) {
  return a.scale == b.scale && a.minimum == b.minimum && a.group_scale == b.group_scale &&
         a.group_minimum == b.group_minimum && a.code == b.code;
}

inline size_t code_count(const QuantGrid& grid) {
  return size_t{grid.groups} * grid.group_codes;
}

inline int16_t number_within(Random& random, Bounds bounds) {
  const auto count = static_cast<uint64_t>(bounds.high - bounds.low + 1);
  return static_cast<int16_t>(bounds.low + static_cast<int32_t>(random.below(count)));
}

// The bits of a scale that its block has room for.
inline uint16_t scale_mask(const QuantGrid& grid) {
  return grid.scale == Scale::power ? 0x00FF : 0xFFFF;
}

// Calls visit(number, bounds) for every small integer of the block.
template <typename Visit>
void for_each_integer(const QuantGrid& grid, QuantBlock* block, const Visit& visit) {
  for (size_t i = 0; i < grid.groups; ++i) {
    if (grid.group_scales.high != 0) visit(block->group_scale[i], grid.group_scales);
    if (grid.start == Start::taken) visit(block->group_minimum[i], grid.group_scales);
  }
  for (size_t i = 0; i < code_count(grid); ++i) visit(block->code[i], grid.codes);
}

// A block as models have them: a scale of about 2^-5, any integers.
inline QuantBlock random_block(Random& random, const QuantGrid& grid) {
  QuantBlock block;
  block.scale = static_cast<uint16_t>(
      grid.scale == Scale::power ? 110 + random.below(16) : 0x2800 + random.below(0x400));
  if (grid.start != Start::none) {
    block.minimum = static_cast<uint16_t>(0xA800 + random.below(0x400));
  }
  for_each_integer(grid, &block, [&](int16_t& number, Bounds bounds) {
    number = number_within(random, bounds);
  });
  return block;
}

// Halves moved by less than `reach`, one integer in `rarity` by one.
inline QuantBlock related_block(Random& random, const QuantGrid& grid, QuantBlock block,
                                uint64_t reach, uint64_t rarity) {
  const auto move = [&](uint16_t half) {
    return static_cast<uint16_t>(half + random.below(2 * reach - 1) - (reach - 1));
  };
  block.scale = move(block.scale) & scale_mask(grid);
  if (grid.start != Start::none) block.minimum = move(block.minimum);
  for_each_integer(grid, &block, [&](int16_t& number, Bounds bounds) {
    if (!random.chance(rarity)) return;
    const int32_t moved = number + (random.chance(2) ? 1 : -1);
    number = static_cast<int16_t>(std::clamp(moved, bounds.low, bounds.high));
  });
  return block;
}

// Zeros, infinities, NaN, subnormals and the largest numbers of either sign; integers all
// the least, all the greatest, all zero, or any of these.
inline QuantBlock extreme_block(Random& random, const QuantGrid& grid) {
  constexpr std::array<uint16_t, 14> kHalves = {0x0000, 0x8000, 0x7C00, 0xFC00, 0x7E00,
                                                0xFFFF, 0x7C01, 0x0001, 0x8001, 0x03FF,
                                                0x0400, 0x7BFF, 0xFBFF, 0x3C00};
  QuantBlock block;
  block.scale = kHalves[random.below(kHalves.size())] & scale_mask(grid);
  if (grid.start != Start::none) block.minimum = kHalves[random.below(kHalves.size())];
  const auto extreme = [](uint64_t which, Bounds bounds) {
    return static_cast<int16_t>(which == 0   ? bounds.low
                                : which == 1 ? bounds.high
                                             : std::max(bounds.low, 0));
  };
  const uint64_t kind = random.below(4);
  for_each_integer(grid, &block, [&](int16_t& number, Bounds bounds) {
    number = extreme(kind == 3 ? random.below(3) : kind, bounds);
  });
  return block;
}

inline Bytes bytes_of(Dtype dtype, const std::vector<QuantBlock>& blocks) {
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  Bytes bytes(blocks.size() * block_bytes);
  for (size_t i = 0; i < blocks.size(); ++i) {
    write_quant_block(dtype, blocks[i], bytes.data() + i * block_bytes);
  }
  return bytes;
}

// Blocks and what became of them, of every kind there is.
struct BlockPair {
  QuantBlock base;
  QuantBlock result;
};

inline BlockPair make_block_pair(Random& random, const QuantGrid& grid) {
  const uint64_t kind = random.below(8);
  BlockPair pair;
  pair.base =
      kind == 0 || kind == 1 ? extreme_block(random, grid) : random_block(random, grid);
  if (kind == 0 || kind == 2) {
    pair.result = extreme_block(random, grid);
  } else if (kind == 3) {
    pair.result = random_block(random, grid);
  } else if (kind == 4) {
    pair.result = pair.base;
  } else if (kind == 5) {  // nothing but a sign
    pair.result = pair.base;
    pair.result.scale ^= static_cast<uint16_t>((scale_mask(grid) >> 1) + 1);
  } else {
    // One after the other: as arguments of one call they come in any order.
    const uint64_t rarity = 1 + random.below(200);
    const uint64_t reach = 1 + random.below(60);
    pair.result = related_block(random, grid, pair.base, reach, rarity);
  }
  return pair;
}

struct SectionPair {
  Bytes base;
  Bytes result;
};

inline SectionPair make_section_pair(Random& random, Dtype dtype, size_t blocks) {
  std::vector<QuantBlock> base;
  std::vector<QuantBlock> result;
  for (size_t i = 0; i < blocks; ++i) {
    const BlockPair pair = make_block_pair(random, *quant_grid(dtype));
    base.push_back(pair.base);
    result.push_back(pair.result);
  }
  return {bytes_of(dtype, base), bytes_of(dtype, result)};
}

inline double value_of(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24)
                                    : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -size : size;
}

inline double scale_of(const QuantGrid& grid, const QuantBlock& block) {
  return grid.scale == Scale::power ? std::ldexp(1.0, block.scale - 128)
                                    : value_of(block.scale);
}

// What a code stands for, in steps; with tables, kvalues_iq4nl and kvalues_mxfp4 of ggml
// in ascending order.
inline double code_value(const QuantGrid& grid, int16_t code) {
  constexpr double kIq4Nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};
  constexpr double kMxfp4[16] = {-12, -8, -6, -4, -3, -2, -1, -0.0,
                                 0.0, 1,  2,  3,  4,  6,  8,  12};
  if (grid.table == nullptr) return code;
  return grid.scale == Scale::power ? kMxfp4[code] : kIq4Nl[code];
}

// The code of a weight of so many steps; zeros keep their sign.
inline int16_t nearest_code(const QuantGrid& grid, double steps) {
  const auto distance = [&](int16_t code) {
    return std::abs(code_value(grid, code) - steps) +
           (std::signbit(code_value(grid, code)) == std::signbit(steps) ? 0 : 1e-9);
  };
  int16_t nearest = 0;
  for (int16_t code = 1; code <= grid.codes.high; ++code) {
    if (distance(code) < distance(nearest)) nearest = code;
  }
  return nearest;
}

// weight = step * code_value + start, as the dequantizers of ggml have it.
struct Line {
  double step;
  double start;
};

inline Line line_of(const QuantGrid& grid, const QuantBlock& block, size_t group) {
  const double scale = scale_of(grid, block);
  const double start = value_of(block.minimum);
  return {grid.group_scales.high != 0 ? scale * block.group_scale[group] : scale,
          grid.start == Start::taken ? -start * block.group_minimum[group] : start};
}

inline int16_t rounded(double number, Bounds bounds) {
  const auto nearest = static_cast<int32_t>(std::floor(number + 0.5));
  return static_cast<int16_t>(std::clamp(nearest, bounds.low, bounds.high));
}

// The same weights quantized again under the scales of `scaled`.
inline QuantBlock requantized(const QuantGrid& grid, const QuantBlock& block,
                              QuantBlock scaled) {
  for (size_t i = 0; i < code_count(grid); ++i) {
    const Line from = line_of(grid, block, i / grid.group_codes);
    const Line to = line_of(grid, scaled, i / grid.group_codes);
    const double weight = from.step * code_value(grid, block.code[i]);
    const double steps = to.step == 0 ? 0 : weight / to.step;
    const double shift = to.step == 0 ? 0 : (from.start - to.start) / to.step;
    scaled.code[i] = grid.table != nullptr ? nearest_code(grid, steps)
                                           : rounded(steps + shift, grid.codes);
  }
  return scaled;
}

// Scales that training moved: a factor for the block, which the groups' integers make up
// for in part, as quantizers do.
inline QuantBlock rescaled(Random& random, const QuantGrid& grid, const QuantBlock& block) {
  QuantBlock scaled = block;
  scaled.scale = static_cast<uint16_t>(
      block.scale + (grid.scale == Scale::power ? -1 : 100 + random.below(200)));
  if (grid.start != Start::none) {
    scaled.minimum = static_cast<uint16_t>(block.minimum + random.below(100));
  }
  const double by_scale = scale_of(grid, block) / scale_of(grid, scaled);
  const double by_minimum =
      block.minimum == 0 ? 1 : value_of(block.minimum) / value_of(scaled.minimum);
  for (size_t i = 0; i < grid.groups; ++i) {
    if (grid.group_scales.high == 0) break;
    scaled.group_scale[i] = rounded(block.group_scale[i] * by_scale, grid.group_scales);
    if (grid.start != Start::taken) continue;
    scaled.group_minimum[i] =
        rounded(block.group_minimum[i] * by_minimum, grid.group_scales);
  }
  return scaled;
}

// A section whose blocks all have the weights of the base, but for a code in 20, under
// other scales.
inline SectionPair make_related_sections(Random& random, Dtype dtype, size_t blocks) {
  const QuantGrid& grid = *quant_grid(dtype);
  std::vector<QuantBlock> base;
  std::vector<QuantBlock> result;
  for (size_t i = 0; i < blocks; ++i) {
    base.push_back(random_block(random, grid));
    QuantBlock made = requantized(grid, base.back(), rescaled(random, grid, base.back()));
    const QuantBlock changed = related_block(random, grid, made, 1, 20);
    made.code = changed.code;
    result.push_back(made);
  }
  return {bytes_of(dtype, base), bytes_of(dtype, result)};
}

}  // namespace mallorn::test
