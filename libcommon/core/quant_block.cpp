#include "libcommon/core/quant_block.hpp"

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/bytes.hpp"

namespace mallorn {
namespace {

constexpr CodeTable kIq4Nl({-127, -104, -83, -65, -49, -35, -22, -10,  //
                            1, 13, 25, 38, 53, 69, 89, 113});

// A one is eight; zeros of either sign are kept apart.
constexpr CodeTable kE2M1({1, 8, 16, 24, 32, 48, 64, 96,  //
                           -1, -8, -16, -24, -32, -48, -64, -96});

struct QuantType {
  Dtype dtype;
  QuantGrid grid;
};

constexpr Bounds kNone = {0, 0};

constexpr QuantType kTypes[] = {
    {Dtype::q4_0, {1, 32, {-8, 7}, kNone, Start::none}},
    {Dtype::q4_1, {1, 32, {0, 15}, kNone, Start::added}},
    {Dtype::q5_0, {1, 32, {-16, 15}, kNone, Start::none}},
    {Dtype::q5_1, {1, 32, {0, 31}, kNone, Start::added}},
    {Dtype::q8_0, {1, 32, {-128, 127}, kNone, Start::none}},
    {Dtype::q2_k, {16, 16, {0, 3}, {0, 15}, Start::taken}},
    {Dtype::q3_k, {16, 16, {-4, 3}, {-32, 31}, Start::none}},
    {Dtype::q4_k, {8, 32, {0, 15}, {0, 63}, Start::taken}},
    {Dtype::q5_k, {8, 32, {0, 31}, {0, 63}, Start::taken}},
    {Dtype::q6_k, {16, 16, {-32, 31}, {-128, 127}, Start::none}},
    {Dtype::iq4_nl, {1, 32, {0, 15}, kNone, Start::none, Scale::half, &kIq4Nl}},
    {Dtype::iq4_xs, {8, 32, {0, 15}, {-32, 31}, Start::none, Scale::half, &kIq4Nl}},
    {Dtype::mxfp4, {1, 32, {0, 15}, kNone, Start::none, Scale::power, &kE2M1}},
};

// Numbers that are not in parts, as if their high bits were of width 0.
CodeField whole_numbers(const Field& field) {
  const unsigned bits = field.lane == Lane::nibbles  ? 4
                        : field.lane == Lane::crumbs ? 2
                                                     : 8;
  const unsigned run = field.count < 32 ? field.count : 32;
  return {static_cast<uint16_t>(field.count * 8 / bits),
          {field.offset, static_cast<uint8_t>(bits), static_cast<uint8_t>(run)},
          {0, 0, 0}};
}

// Where a type keeps its numbers. Fields come in one order: scale, minimum, integers of the
// groups, codes. What a type lacks is not to be looked at.
struct Places {
  uint16_t scale;
  uint16_t minimum;
  Field group_field;
  CodeField groups;  // unless `group_field` is of lane `scales`
  CodeField codes;
};

// Codec 2 leaves the two fields of group scales of iq4_xs apart.
constexpr CodeField kIq4XsGroups = {8, {4, 4, 1}, {2, 2, 1}};
constexpr CodeField kIq4XsCodes = {256, {8, 4, 16}, {0, 0, 0}};

Places places(Dtype dtype, const QuantGrid& grid) {
  const BlockFields block = block_fields(dtype);
  if (dtype == Dtype::iq4_xs) {
    return {block.fields[0].offset, 0, block.fields[1], kIq4XsGroups, kIq4XsCodes};
  }
  const auto numbers = [&block](const Field& field, size_t part) {
    return field.lane == Lane::part ? block.codes[part] : whole_numbers(field);
  };
  const Field& groups = block.fields[grid.start == Start::none ? 1 : 2];
  const Field& codes = block.fields[block.field_count - 1];
  return {block.fields[0].offset, block.fields[1].offset, groups, numbers(groups, 0),
          numbers(codes, block.code_count - 1)};
}

using Numbers = std::array<uint8_t, kMaxBlockCodes>;

// Numbers from their bits: unsigned ones with an offset. Signed ones are that, too, once
// their sign is turned over.
unsigned flipped(Bounds bounds) { return bounds.low == -128 ? 128 : 0; }

void numbers_of(const uint8_t* bits, size_t count, Bounds bounds, int16_t* numbers) {
  const unsigned flip = flipped(bounds);
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<int16_t>(static_cast<int32_t>(bits[i] ^ flip) + bounds.low);
  }
}

void bits_of(const int16_t* numbers, size_t count, Bounds bounds, uint8_t* bits) {
  const unsigned flip = flipped(bounds);
  for (size_t i = 0; i < count; ++i) {
    bits[i] = static_cast<uint8_t>(static_cast<unsigned>(numbers[i] - bounds.low) ^ flip);
  }
}

// Scales of all groups come before their minima.
void read_groups(const QuantGrid& grid, const Places& at, const uint8_t* bytes,
                 QuantBlock* block) {
  Numbers raw;
  if (at.group_field.lane == Lane::scales) {
    unpack_scales(bytes + at.group_field.offset, raw.data());
  } else {
    unpack_codes(at.groups, bytes, raw.data());
  }
  numbers_of(raw.data(), grid.groups, grid.group_scales, block->group_scale.data());
  if (grid.start != Start::taken) return;
  numbers_of(raw.data() + grid.groups, grid.groups, grid.group_scales,
             block->group_minimum.data());
}

void write_groups(const QuantGrid& grid, const Places& at, const QuantBlock& block,
                  uint8_t* bytes) {
  Numbers raw;
  bits_of(block.group_scale.data(), grid.groups, grid.group_scales, raw.data());
  bits_of(block.group_minimum.data(), grid.groups, grid.group_scales,
          raw.data() + grid.groups);
  if (at.group_field.lane == Lane::scales) {
    pack_scales(raw.data(), bytes + at.group_field.offset);
  } else {
    pack_codes(at.groups, raw.data(), bytes);
  }
}

}  // namespace

int64_t CodeTable::place(int64_t value, int16_t near) const {
  size_t i = near & 15;
  while (i > 0 && 2 * value < int64_t{4096} * middles_[i]) --i;
  while (i < 15 && 2 * value >= int64_t{4096} * middles_[i + 1]) ++i;
  const int64_t above = 2 * value - int64_t{4096} * middles_[i];
  return static_cast<int64_t>(4096 * i) - 2048 + above / (middles_[i + 1] - middles_[i]);
}

const QuantGrid* quant_grid(Dtype dtype) {
  for (const QuantType& type : kTypes) {
    if (type.dtype == dtype) return &type.grid;
  }
  return nullptr;
}

void read_quant_block(Dtype dtype, const uint8_t* bytes, QuantBlock* block) {
  const QuantGrid& grid = *quant_grid(dtype);
  const Places at = places(dtype, grid);
  block->scale = grid.scale == Scale::power ? uint16_t{bytes[at.scale]}
                                            : load_le<uint16_t>(bytes + at.scale);
  block->minimum =
      grid.start == Start::none ? uint16_t{0} : load_le<uint16_t>(bytes + at.minimum);
  if (grid.group_scales.high != 0) read_groups(grid, at, bytes, block);
  Numbers raw;
  unpack_codes(at.codes, bytes, raw.data());
  if (grid.table == nullptr) {
    numbers_of(raw.data(), at.codes.count, grid.codes, block->code.data());
  } else {
    for (size_t i = 0; i < at.codes.count; ++i) {
      block->code[i] = grid.table->number(raw[i]);
    }
  }
}

void write_quant_block(Dtype dtype, const QuantBlock& block, uint8_t* bytes) {
  const QuantGrid& grid = *quant_grid(dtype);
  const Places at = places(dtype, grid);
  if (grid.scale == Scale::power) {
    bytes[at.scale] = static_cast<uint8_t>(block.scale);
  } else {
    store_le<uint16_t>(bytes + at.scale, block.scale);
  }
  if (grid.start != Start::none) store_le<uint16_t>(bytes + at.minimum, block.minimum);
  if (grid.group_scales.high != 0) write_groups(grid, at, block, bytes);
  Numbers raw;
  if (grid.table == nullptr) {
    bits_of(block.code.data(), at.codes.count, grid.codes, raw.data());
  } else {
    for (size_t i = 0; i < at.codes.count; ++i) raw[i] = grid.table->bits(block.code[i]);
  }
  pack_codes(at.codes, raw.data(), bytes);
}

QuantLine quant_line(const QuantGrid& grid, const QuantBlock& block, uint32_t group) {
  const bool has_scales = grid.group_scales.high != 0;
  const int64_t scale =
      grid.scale == Scale::power ? power_units(block.scale) : half_units(block.scale);
  const int64_t start = half_units(block.minimum);
  return {has_scales ? scale * block.group_scale[group] : scale,
          grid.start == Start::taken ? -start * block.group_minimum[group] : start};
}

}  // namespace mallorn
