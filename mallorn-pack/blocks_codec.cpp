#include "mallorn-pack/blocks_codec.hpp"

#include <bit>
#include <cstring>
#include <memory>

#include "libcommon/core/block_model.hpp"
#include "mallorn-pack/range_encoder.hpp"

namespace mallorn::pack {
namespace {

// How many bits the differences to predicted numbers have.
uint32_t missed_bits(const QuantMap& map, const int16_t* base, const int16_t* numbers,
                     size_t count) {
  uint32_t bits = 0;
  for (size_t i = 0; i < count; ++i) {
    const int64_t difference = numbers[i] - ((map.predict(base[i]) + 2048) >> 12);
    bits += static_cast<uint32_t>(
        std::bit_width(static_cast<uint64_t>(difference < 0 ? -difference : difference)));
  }
  return bits;
}

// How far group scales and codes are from what BlockModel would predict.
uint32_t misses(const QuantGrid& grid, const QuantBlock& base, const QuantBlock& block,
                bool keeps_numbers) {
  const auto map = [keeps_numbers](const QuantMap& moved) {
    return keeps_numbers ? kSameNumbers : moved;
  };
  uint32_t bits = 0;
  if (grid.group_scales.high != 0) {
    bits += missed_bits(map(map_groups(base.scale, block.scale)), base.group_scale.data(),
                        block.group_scale.data(), grid.groups);
    bits += missed_bits(map(map_groups(base.minimum, block.minimum)),
                        base.group_minimum.data(), block.group_minimum.data(), grid.groups);
  }
  for (uint32_t group = 0; group < grid.groups; ++group) {
    const QuantMap moved =
        map_codes(quant_line(grid, base, group), quant_line(grid, block, group));
    const size_t begin = size_t{group} * grid.group_codes;
    bits += missed_bits(map(moved), base.code.data() + begin, block.code.data() + begin,
                        grid.group_codes);
  }
  return bits;
}

}  // namespace

std::vector<uint8_t> encode_blocks(Dtype dtype, ByteView base, ByteView result) {
  const QuantGrid& grid = *quant_grid(dtype);
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  const auto model = std::make_unique<BlockModel>();
  std::vector<uint8_t> coded;
  RangeEncoder coder(coded);
  QuantBlock from;
  QuantBlock block;
  size_t at = 0;
  for (; result.size() - at >= block_bytes; at += block_bytes) {
    const bool is_equal =
        std::memcmp(base.data() + at, result.data() + at, block_bytes) == 0;
    if (model->code_equal(coder, is_equal)) continue;
    read_quant_block(dtype, base.data() + at, &from);
    read_quant_block(dtype, result.data() + at, &block);
    // Only where it is clear: blocks predicted in another way teach the model less.
    const bool keeps_numbers =
        2 * misses(grid, from, block, true) < misses(grid, from, block, false);
    (void)model->code(coder, grid, from, keeps_numbers,
                      &block);  // in bounds, as it was read
  }
  for (; at < result.size(); ++at) model->code_byte(coder, result[at], base[at]);
  coder.finish();
  return coded;
}

}  // namespace mallorn::pack
