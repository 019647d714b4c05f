#include "libcommon/core/quant_block.hpp"

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

// Codec 2 leaves the two fields of group scales of iq4_xs apart.
constexpr CodeField kIq4XsGroups = {8, {4, 4, 1}, {2, 2, 1}};
constexpr CodeField kIq4XsCodes = {256, {8, 4, 16}, {0, 0, 0}};

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

// Fields come in one order: scale, minimum, integers of the groups, codes. What a type
// lacks is not to be looked at.
QuantPlaces::QuantPlaces(Dtype dtype) : grid_(quant_grid(dtype)) {
  const BlockFields block = block_fields(dtype);
  scale_ = block.fields[0].offset;
  if (dtype == Dtype::iq4_xs) {
    groups_ = kIq4XsGroups;
    codes_ = kIq4XsCodes;
    return;
  }
  const auto numbers = [&block](const Field& field, size_t part) {
    return field.lane == Lane::part ? block.codes[part] : whole_numbers(field);
  };
  minimum_ = block.fields[1].offset;
  group_field_ = block.fields[grid_->start == Start::none ? 1 : 2];
  groups_ = numbers(group_field_, 0);
  codes_ = numbers(block.fields[block.field_count - 1], block.code_count - 1);
}

// Scales of all groups come before their minima.
void QuantPlaces::read_scales(const uint8_t* bytes, QuantBlock* block) const {
  block->scale = grid_->scale == Scale::power ? uint16_t{bytes[scale_]}
                                              : load_le<uint16_t>(bytes + scale_);
  block->minimum =
      grid_->start == Start::none ? uint16_t{0} : load_le<uint16_t>(bytes + minimum_);
  if (grid_->group_scales.high == 0) return;
  Numbers raw;
  if (group_field_.lane == Lane::scales) {
    unpack_scales(bytes + group_field_.offset, raw.data());
  } else {
    unpack_codes(groups_, bytes, raw.data());
  }
  const size_t groups = grid_->groups;
  numbers_of(raw.data(), groups, grid_->group_scales, block->group_scale.data());
  if (grid_->start != Start::taken) return;
  numbers_of(raw.data() + groups, groups, grid_->group_scales, block->group_minimum.data());
}

void QuantPlaces::write_scales(const QuantBlock& block, uint8_t* bytes) const {
  if (grid_->scale == Scale::power) {
    bytes[scale_] = static_cast<uint8_t>(block.scale);
  } else {
    store_le<uint16_t>(bytes + scale_, block.scale);
  }
  if (grid_->start != Start::none) store_le<uint16_t>(bytes + minimum_, block.minimum);
  if (grid_->group_scales.high == 0) return;
  std::array<int16_t, 2 * kMaxBlockGroups> numbers;
  for (size_t i = 0; i < grid_->groups; ++i) {
    numbers[i] = block.group_scale[i];
    numbers[grid_->groups + i] = block.group_minimum[i];
  }
  write_groups(numbers.data(), bytes);
}

void QuantPlaces::write_groups(const int16_t* numbers, uint8_t* bytes) const {
  const size_t count = grid_->start == Start::taken ? 2u * grid_->groups : grid_->groups;
  Numbers raw;
  bits_of(numbers, count, grid_->group_scales, raw.data());
  if (group_field_.lane == Lane::scales) {
    pack_scales(raw.data(), bytes + group_field_.offset);
  } else {
    pack_codes(groups_, raw.data(), bytes);
  }
}

void QuantPlaces::read_codes(const uint8_t* bytes, int16_t* codes) const {
  Numbers raw;
  unpack_codes(codes_, bytes, raw.data());
  if (grid_->table == nullptr) {
    numbers_of(raw.data(), codes_.count, grid_->codes, codes);
  } else {
    for (size_t i = 0; i < codes_.count; ++i) codes[i] = grid_->table->number(raw[i]);
  }
}

void QuantPlaces::write_codes(const int16_t* codes, uint8_t* bytes) const {
  Numbers raw;
  if (grid_->table == nullptr) {
    bits_of(codes, codes_.count, grid_->codes, raw.data());
  } else {
    for (size_t i = 0; i < codes_.count; ++i) raw[i] = grid_->table->bits(codes[i]);
  }
  pack_codes(codes_, raw.data(), bytes);
}

void read_quant_block(Dtype dtype, const uint8_t* bytes, QuantBlock* block) {
  QuantPlaces(dtype).read(bytes, block);
}

void write_quant_block(Dtype dtype, const QuantBlock& block, uint8_t* bytes) {
  QuantPlaces(dtype).write(block, bytes);
}

}  // namespace mallorn
