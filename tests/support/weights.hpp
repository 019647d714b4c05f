// Weights of another dtype and what blocks were quantized from them.
#pragma once

#include <bit>
#include <cmath>
#include <vector>

#include "libcommon/core/weight_block.hpp"
#include "tests/support/quant_blocks.hpp"

namespace mallorn::test {

// Every dtype that blocks are quantized to by a search.
constexpr Dtype kWeightDtypes[] = {Dtype::q2_k, Dtype::q3_k,   Dtype::q4_k,   Dtype::q5_k,
                                   Dtype::q6_k, Dtype::iq4_nl, Dtype::iq4_xs, Dtype::mxfp4};

struct WeightPair {
  Weights base{};
  QuantBlock result;
};

// A block at random, and the weights of its codes, or of what is nearer to them than a
// `part` of a step.
inline WeightPair quantized_pair(Random& random, const QuantGrid& grid, int64_t part) {
  WeightPair pair;
  pair.result = random_block(random, grid);
  for (uint32_t i = 0; i < code_count(grid); ++i) {
    const QuantLine line = quant_line(grid, pair.result, i / grid.group_codes);
    const int16_t code = pair.result.code[i];
    const int64_t value = grid.table != nullptr ? grid.table->value(code) : code;
    const int64_t step = line.step < 0 ? -line.step : line.step;
    const auto noise = static_cast<int64_t>(random.below(step / part + 1));
    pair.base[i] = line.step * value + line.start + (random.chance(2) ? noise : -noise);
  }
  return pair;
}

// Those, any weights, and the largest; extremes of either side.
inline WeightPair make_weight_pair(Random& random, const QuantGrid& grid) {
  const uint64_t kind = random.below(5);
  WeightPair pair = quantized_pair(random, grid, 1 + static_cast<int64_t>(kind));
  if (kind == 0) pair.result = extreme_block(random, grid);
  if (kind == 1) pair.base.fill(0);
  if (kind == 2) {
    const int64_t most = int64_t{1} << random.below(41);
    for (int64_t& weight : pair.base) {
      weight =
          static_cast<int64_t>(random.below(2 * static_cast<uint64_t>(most) + 1)) - most;
    }
  }
  return pair;
}

// As a section has them: weights in binary32, and blocks.
inline SectionPair make_weight_sections(Random& random, Dtype dtype, size_t blocks) {
  const QuantGrid& grid = *quant_grid(dtype);
  std::vector<QuantBlock> results;
  Bytes base;
  for (size_t i = 0; i < blocks; ++i) {
    const WeightPair pair = quantized_pair(random, grid, 3);
    results.push_back(pair.result);
    for (uint32_t k = 0; k < code_count(grid); ++k) {
      const auto number = std::ldexp(static_cast<float>(pair.base[k]), -24);
      base.resize(base.size() + sizeof(number));
      store_le(base.data() + base.size() - sizeof(number), std::bit_cast<uint32_t>(number));
    }
  }
  return {base, bytes_of(dtype, results)};
}

}  // namespace mallorn::test
