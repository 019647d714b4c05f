#include "libcommon/core/quant_block.hpp"

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/bytes.hpp"

namespace mallorn {
namespace {

constexpr Bounds kNone = {0, 0};

constexpr QuantGrid kQ4_0 = {1, 32, {-8, 7}, kNone, Start::none};
constexpr QuantGrid kQ4_1 = {1, 32, {0, 15}, kNone, Start::added};
constexpr QuantGrid kQ5_0 = {1, 32, {-16, 15}, kNone, Start::none};
constexpr QuantGrid kQ5_1 = {1, 32, {0, 31}, kNone, Start::added};
constexpr QuantGrid kQ8_0 = {1, 32, {-128, 127}, kNone, Start::none};
constexpr QuantGrid kQ2_K = {16, 16, {0, 3}, {0, 15}, Start::taken};
constexpr QuantGrid kQ3_K = {16, 16, {-4, 3}, {-32, 31}, Start::none};
constexpr QuantGrid kQ4_K = {8, 32, {0, 15}, {0, 63}, Start::taken};
constexpr QuantGrid kQ5_K = {8, 32, {0, 31}, {0, 63}, Start::taken};
constexpr QuantGrid kQ6_K = {16, 16, {-32, 31}, {-128, 127}, Start::none};

// Where a type keeps its numbers. `codes` may have high bits elsewhere (bits 0: none).
struct Places {
  uint16_t scale;
  uint16_t minimum;  // kAbsent without one
  CodeField codes;
};

constexpr uint16_t kAbsent = 0xFFFF;

// Codes of four bits and of two, in one field, as if their high bits were of width 0.
constexpr Places places(Dtype dtype) {
  switch (dtype) {
    case Dtype::q4_0:
      return {0, kAbsent, {32, {2, 4, 16}, {0, 0, 0}}};
    case Dtype::q4_1:
      return {0, 2, {32, {4, 4, 16}, {0, 0, 0}}};
    case Dtype::q5_0:
      return {0, kAbsent, {32, {6, 4, 16}, {2, 1, 1}}};
    case Dtype::q5_1:
      return {0, 2, {32, {8, 4, 16}, {4, 1, 1}}};
    case Dtype::q8_0:
      return {0, kAbsent, {32, {2, 8, 32}, {0, 0, 0}}};
    case Dtype::q2_k:
      return {80, 82, {256, {16, 2, 32}, {0, 0, 0}}};
    case Dtype::q3_k:
      return {108, kAbsent, {256, {32, 2, 32}, {0, 1, 32}}};
    case Dtype::q4_k:
      return {0, 2, {256, {16, 4, 32}, {0, 0, 0}}};
    case Dtype::q5_k:
      return {0, 2, {256, {48, 4, 32}, {16, 1, 32}}};
    default:  // q6_k
      return {208, kAbsent, {256, {0, 4, 64}, {128, 2, 32}}};
  }
}

constexpr CodeField kQ3_KScales = {16, {96, 4, 8}, {104, 2, 4}};

using Codes = std::array<uint8_t, kMaxBlockCodes>;

// Numbers from their bits: unsigned codes less the offset, or, for eight bits, signed ones.
int16_t number(uint8_t bits, Bounds bounds) {
  if (bounds.low == -128) return static_cast<int8_t>(bits);
  return static_cast<int16_t>(bits + bounds.low);
}

uint8_t bits(int16_t number, Bounds bounds) {
  if (bounds.low == -128) return static_cast<uint8_t>(number);
  return static_cast<uint8_t>(number - bounds.low);
}

void read_group_scales(Dtype dtype, const uint8_t* bytes, QuantBlock* block) {
  Codes raw{};
  if (dtype == Dtype::q2_k) {
    for (size_t i = 0; i < 16; ++i) {
      raw[i] = bytes[i] & 15;
      block->group_minimum[i] = bytes[i] >> 4;
    }
  } else if (dtype == Dtype::q3_k) {
    unpack_codes(kQ3_KScales, bytes, raw.data());
  } else if (dtype == Dtype::q6_k) {
    memcpy(raw.data(), bytes + 192, 16);
  } else if (dtype == Dtype::q4_k || dtype == Dtype::q5_k) {
    unpack_scales(bytes + 4, raw.data());
    for (size_t i = 0; i < 8; ++i) block->group_minimum[i] = raw[8 + i];
  } else {
    return;
  }
  const QuantGrid& grid = *quant_grid(dtype);
  for (size_t i = 0; i < grid.groups; ++i) {
    block->group_scale[i] = number(raw[i], grid.group_scales);
  }
}

void write_group_scales(Dtype dtype, const QuantBlock& block, uint8_t* bytes) {
  const QuantGrid& grid = *quant_grid(dtype);
  Codes raw{};
  for (size_t i = 0; i < grid.groups; ++i) {
    raw[i] = bits(block.group_scale[i], grid.group_scales);
  }
  if (dtype == Dtype::q2_k) {
    for (size_t i = 0; i < 16; ++i) {
      bytes[i] = static_cast<uint8_t>(raw[i] | block.group_minimum[i] << 4);
    }
  } else if (dtype == Dtype::q3_k) {
    pack_codes(kQ3_KScales, raw.data(), bytes);
  } else if (dtype == Dtype::q6_k) {
    memcpy(bytes + 192, raw.data(), 16);
  } else if (dtype == Dtype::q4_k || dtype == Dtype::q5_k) {
    for (size_t i = 0; i < 8; ++i) {
      raw[8 + i] = static_cast<uint8_t>(block.group_minimum[i]);
    }
    pack_scales(raw.data(), bytes + 4);
  }
}

}  // namespace

const QuantGrid* quant_grid(Dtype dtype) {
  switch (dtype) {
    case Dtype::q4_0:
      return &kQ4_0;
    case Dtype::q4_1:
      return &kQ4_1;
    case Dtype::q5_0:
      return &kQ5_0;
    case Dtype::q5_1:
      return &kQ5_1;
    case Dtype::q8_0:
      return &kQ8_0;
    case Dtype::q2_k:
      return &kQ2_K;
    case Dtype::q3_k:
      return &kQ3_K;
    case Dtype::q4_k:
      return &kQ4_K;
    case Dtype::q5_k:
      return &kQ5_K;
    case Dtype::q6_k:
      return &kQ6_K;
    default:
      return nullptr;
  }
}

void read_quant_block(Dtype dtype, const uint8_t* bytes, QuantBlock* block) {
  const QuantGrid& grid = *quant_grid(dtype);
  const Places at = places(dtype);
  block->scale = load_le<uint16_t>(bytes + at.scale);
  block->minimum =
      at.minimum == kAbsent ? uint16_t{0} : load_le<uint16_t>(bytes + at.minimum);
  Codes raw;
  unpack_codes(at.codes, bytes, raw.data());
  for (size_t i = 0; i < at.codes.count; ++i) block->code[i] = number(raw[i], grid.codes);
  read_group_scales(dtype, bytes, block);
}

void write_quant_block(Dtype dtype, const QuantBlock& block, uint8_t* bytes) {
  const QuantGrid& grid = *quant_grid(dtype);
  const Places at = places(dtype);
  Codes raw;
  for (size_t i = 0; i < at.codes.count; ++i) raw[i] = bits(block.code[i], grid.codes);
  pack_codes(at.codes, raw.data(), bytes);
  write_group_scales(dtype, block, bytes);
  store_le<uint16_t>(bytes + at.scale, block.scale);
  if (at.minimum != kAbsent) store_le<uint16_t>(bytes + at.minimum, block.minimum);
}

QuantLine quant_line(const QuantGrid& grid, const QuantBlock& block, uint32_t group) {
  const bool has_scales = grid.group_scales.high != 0;
  const int64_t scale = half_units(block.scale);
  const int64_t start = half_units(block.minimum);
  return {has_scales ? scale * block.group_scale[group] : scale,
          grid.start == Start::taken ? -start * block.group_minimum[group] : start};
}

}  // namespace mallorn
