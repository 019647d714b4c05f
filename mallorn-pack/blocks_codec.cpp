#include "mallorn-pack/blocks_codec.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "libcommon/core/block_model.hpp"
#include "libcommon/explanation.hpp"
#include "mallorn-pack/bit_cost.hpp"
#include "mallorn-pack/floating.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "mallorn-pack/rank_fit.hpp"

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
        map_codes(grid, quant_line(grid, base, group), quant_line(grid, block, group));
    const size_t begin = size_t{group} * grid.group_codes;
    bits += missed_bits(map(moved), base.code.data() + begin, block.code.data() + begin,
                        grid.group_codes);
  }
  return bits;
}

// A row of a matrix of blocks, and what of it a chunk has.
struct BlockRows {
  uint64_t row_blocks = 0;  // 0: rows are not of whole blocks, or not known
  uint64_t begun = 0;       // blocks of the first row that came before
};

BlockRows rows_of(const QuantGrid& grid, const TensorPlace& place) {
  const uint64_t block_codes = uint64_t{grid.groups} * grid.group_codes;
  if (place.row_elements == 0 || place.row_elements % block_codes != 0) return {};
  const uint64_t row_blocks = place.row_elements / block_codes;
  return {row_blocks, place.first_element / block_codes % row_blocks};
}

// What the blocks of the base are.
enum class BaseKind : uint8_t { blocks, weights };

class BlocksEncoder {
 public:
  BlocksEncoder(Dtype dtype, BaseKind kind, uint64_t bytes)
      : dtype_(dtype),
        grid_(*quant_grid(dtype)),
        has_weights_(kind == BaseKind::weights),
        block_bytes_(dtype_layout(dtype).block_bytes),
        base_block_bytes_(has_weights_
                              ? dtype_layout(dtype).block_elements * sizeof(uint32_t)
                              : block_bytes_),
        room_(bytes / block_bytes_),
        coder_(coded_) {}

  // Codes blocks of one tensor: what is left of a row, then whole rows.
  void add(const TensorPlace& place, ByteView base, ByteView result) {
    const BlockRows rows = rows_of(grid_, place);
    const uint64_t blocks = result.size() / block_bytes_;
    const uint64_t rest =
        rows.begun == 0 ? 0 : std::min(blocks, rows.row_blocks - rows.begun);
    const auto add_part = [&](uint64_t row_blocks, uint64_t from, uint64_t to) {
      add_piece(row_blocks,
                base.subspan(from * base_block_bytes_, (to - from) * base_block_bytes_),
                result.subspan(from * block_bytes_, (to - from) * block_bytes_));
    };
    if (rest > 0) add_part(0, 0, rest);
    if (rest < blocks) add_part(rows.row_blocks, rest, blocks);
  }

  size_t base_block_bytes() const { return base_block_bytes_; }

  void add_byte(uint8_t base, uint8_t byte) { model_->code_byte(coder_, byte, base); }

  // Of the part that was added last, but for what the coder still holds.
  PartReport report() {
    const size_t before = reported_;
    reported_ = coder_.bytes();
    return {reported_ - before,
            (has_weights_ ? "quantized" : "requantized") + shown_ranks(ranks_)};
  }

  std::vector<uint8_t> finish() {
    coder_.finish();
    return std::move(coded_);
  }

 private:
  void add_piece(uint64_t row_blocks, ByteView base, ByteView result) {
    BlockPiece plain;
    plain.blocks = result.size() / block_bytes_;
    FittedRanks fitted;
    if (row_blocks > 0) fitted = fit(row_blocks, base, result);
    BlockPiece ranked = plain;
    ranked.ranks = static_cast<uint32_t>(fitted.units.size());
    ranked.row_blocks = row_blocks;
    ranked.exponent = fitted.exponent + 24;
    const bool has_ranks =
        ranked.ranks > 0 && std::abs(ranked.exponent) <= kMaxShiftExponent &&
        cost_of(ranked, fitted, base, result) < cost_of(plain, {}, base, result);
    ranks_ = has_ranks ? ranked.ranks : 0;
    code(coder_, *model_, has_ranks ? ranked : plain, fitted, base, result);
    room_ -= plain.blocks;
  }

  FittedRanks fit(uint64_t row_blocks, ByteView base, ByteView result) const {
    const uint64_t blocks = result.size() / block_bytes_;
    const uint64_t block_codes = uint64_t{grid_.groups} * grid_.group_codes;
    Update update;
    update.columns = row_blocks * block_codes;
    update.rows = blocks / row_blocks;
    Weights from{};
    QuantBlock to;
    for (uint64_t i = 0; i < update.rows * row_blocks; ++i) {
      read_weights(base.data() + i * base_block_bytes_, &from);
      read_quant_block(dtype_, result.data() + i * block_bytes_, &to);
      add_difference(from, to, &update);
    }
    update.floor /= static_cast<double>(std::max<size_t>(update.values.size(), 1));
    return find_ranks(std::move(update), (blocks + row_blocks - 1) / row_blocks,
                      std::nullopt);
  }

  // What the codes of a block of the base stand for, in units of 2^-24.
  void read_weights(const uint8_t* block, Weights* weights) const {
    if (has_weights_) return load_weights(block, weights);
    QuantBlock from;
    read_quant_block(dtype_, block, &from);
    for (uint32_t group = 0; group < grid_.groups; ++group) {
      const QuantLine line = quant_line(grid_, from, group);
      const uint32_t begin = group * grid_.group_codes;
      for (uint32_t i = begin; i < begin + grid_.group_codes; ++i) {
        (*weights)[i] = line.step * code_value(from.code[i]) + line.start;
      }
    }
  }

  // From binary32.
  void load_weights(const uint8_t* numbers, Weights* weights) const {
    for (size_t i = 0; i < base_block_bytes_ / sizeof(uint32_t); ++i) {
      (*weights)[i] = weight_of(load_le<uint32_t>(numbers + i * sizeof(uint32_t)));
    }
  }

  // Rounding to steps leaves a twelfth of their squares.
  void add_difference(const Weights& from, const QuantBlock& to, Update* update) const {
    const double unit = power_of_two(-24);
    for (uint32_t group = 0; group < grid_.groups; ++group) {
      const QuantLine b = quant_line(grid_, to, group);
      const double step = static_cast<double>(b.step) * unit;
      update->floor += step * step / 12 * grid_.group_codes;
      const uint32_t begin = group * grid_.group_codes;
      for (uint32_t i = begin; i < begin + grid_.group_codes; ++i) {
        const int64_t moved = b.step * code_value(to.code[i]) + b.start - from[i];
        update->values.push_back(static_cast<float>(static_cast<double>(moved) * unit));
      }
    }
  }

  int64_t code_value(int16_t code) const {
    return grid_.table != nullptr ? grid_.table->value(code) : code;
  }

  uint64_t cost_of(const BlockPiece& piece, const FittedRanks& fitted, ByteView base,
                   ByteView result) {
    *trial_ = *model_;
    BitCost cost;
    code(cost, *trial_, piece, fitted, base, result);
    return cost.cost();
  }

  template <typename Coder>
  void code(Coder& coder, BlockModel& model, BlockPiece piece, const FittedRanks& fitted,
            ByteView base, ByteView result) const {
    const RankFit ranks = fitted.view();
    (void)model.begin_piece(coder, grid_, room_, &piece, ranks);
    for (uint64_t i = 0; i < piece.blocks; ++i) {
      const uint8_t* base_block = base.data() + i * base_block_bytes_;
      const uint8_t* result_block = result.data() + i * block_bytes_;
      (void)model.begin_block(coder, grid_, piece, i, ranks);
      if (has_weights_) {
        code_by_weights(coder, model, base_block, result_block);
      } else {
        code_by_block(coder, model, base_block, result_block);
      }
    }
  }

  template <typename Coder>
  void code_by_weights(Coder& coder, BlockModel& model, const uint8_t* base_block,
                       const uint8_t* result_block) const {
    Weights from;
    QuantBlock block;
    load_weights(base_block, &from);
    read_quant_block(dtype_, result_block, &block);
    (void)model.code(coder, grid_, from, &block);  // in bounds, as read
  }

  template <typename Coder>
  void code_by_block(Coder& coder, BlockModel& model, const uint8_t* base_block,
                     const uint8_t* result_block) const {
    const bool is_equal = std::memcmp(base_block, result_block, block_bytes_) == 0;
    if (model.code_equal(coder, is_equal)) return;
    QuantBlock from;
    QuantBlock block;
    read_quant_block(dtype_, base_block, &from);
    read_quant_block(dtype_, result_block, &block);
    // Only where it is clear: blocks predicted in another way teach the model less.
    const bool keeps_numbers =
        2 * misses(grid_, from, block, true) < misses(grid_, from, block, false);
    (void)model.code(coder, grid_, from, keeps_numbers, &block);  // in bounds, as read
  }

  Dtype dtype_;
  const QuantGrid& grid_;
  bool has_weights_;
  size_t block_bytes_;
  size_t base_block_bytes_;
  uint64_t room_;  // blocks yet to come
  std::unique_ptr<BlockModel> model_ = std::make_unique<BlockModel>();
  std::unique_ptr<BlockModel> trial_ = std::make_unique<BlockModel>();
  std::vector<uint8_t> coded_;
  RangeEncoder coder_;
  size_t reported_ = 0;  // bytes that the coder had
  uint32_t ranks_ = 0;   // of the last piece
};

std::vector<uint8_t> encode(Dtype dtype, BaseKind kind,
                            const std::vector<SectionPart>& parts, ByteView base,
                            ByteView result, std::vector<PartReport>* reports) {
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  BlocksEncoder encoder(dtype, kind, result.size());
  size_t at = 0;
  uint64_t end = 0;
  for (const SectionPart& part : parts) {
    end += part.length_bytes;
    // A block of two parts counts as one of the later.
    const auto blocks = static_cast<size_t>((end - at) / block_bytes);
    const size_t length = blocks * block_bytes;
    if (blocks > 0) {
      const size_t base_bytes = encoder.base_block_bytes();
      encoder.add(part.place,
                  base.subspan(at / block_bytes * base_bytes, blocks * base_bytes),
                  result.subspan(at, length));
    }
    if (reports != nullptr) reports->push_back(encoder.report());
    at += length;
  }
  for (; at < result.size(); ++at) encoder.add_byte(base[at], result[at]);
  return encoder.finish();
}

}  // namespace

std::vector<uint8_t> encode_blocks(Dtype dtype, const std::vector<SectionPart>& parts,
                                   ByteView base, ByteView result,
                                   std::vector<PartReport>* reports) {
  return encode(dtype, BaseKind::blocks, parts, base, result, reports);
}

std::vector<uint8_t> encode_blocks_by_weights(Dtype dtype,
                                              const std::vector<SectionPart>& parts,
                                              ByteView weights, ByteView result,
                                              std::vector<PartReport>* reports) {
  return encode(dtype, BaseKind::weights, parts, weights, result, reports);
}

}  // namespace mallorn::pack
