// Seeds for the decoders of codecs: what their encoders make of small inputs.
#include <algorithm>
#include <memory>

#include "libcommon/core/conversion.hpp"
#include "libcommon/core/crc32c.hpp"
#include "libcommon/core/edit_value.hpp"
#include "libcommon/core/grid_place.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/value_model.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-apply/journal.hpp"
#include "mallorn-pack/blocks_codec.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/edits_codec.hpp"
#include "mallorn-pack/grid_codec.hpp"
#include "mallorn-pack/mask_codec.hpp"
#include "mallorn-pack/mixed_codec.hpp"
#include "mallorn-pack/planes_codec.hpp"
#include "mallorn-pack/tokens_codec.hpp"
#include "mallorn-pack/values_codec.hpp"
#include "mallorn-pack/zstd_run.hpp"
#include "tests/fuzz/inputs.hpp"
#include "tests/fuzz/seeds.hpp"

namespace mallorn::fuzz {
namespace {

void write_plain_seeds() {
  const Bytes base = fixed_base();
  const Bytes result = edited(base);
  const std::pair<const char*, Dtype> dtypes[] = {
      {"f32", Dtype::f32}, {"bf16", Dtype::bf16}, {"i8", Dtype::i8}, {"q4_k", Dtype::q4_k}};
  for (const auto& [name, dtype] : dtypes) {
    const Bytes old_part = slice(base, 2000, 300);
    const Bytes new_part = slice(result, 2000, 300);
    const auto number = static_cast<uint8_t>(dtype);
    write("planes_decoder", std::string(name) + "-base",
          join({{number, 1, 44, 1},
                old_part,
                pack::encode_planes(dtype, old_part, new_part, 3)}));
    write("planes_decoder", std::string(name) + "-alone",
          join({{number, 0, 44, 1}, pack::encode_planes(dtype, {}, new_part, 3)}));
  }
  write("zstd_decoder", "text", join({{44, 1}, encode_zstd(slice(base, 100, 300), 3)}));
  write("round_trip", "edited",
        join({{128, 5, 1, 5, 1}, slice(base, 200, 1500), slice(result, 200, 1500)}));
  write("round_trip", "moved",
        join({{128, 40, 9, 41, 9},
              slice(base, 0, 900),
              slice(base, 300, 600),
              slice(base, 0, 300)}));
}

// Blocks as models have them: scales near one, integers from the base that chunks have.
Bytes blocks(Dtype dtype, size_t count) {
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  const Bytes noise = slice(fixed_base(), 2048, count * block_bytes);
  Bytes made = noise;
  for (size_t i = 0; i < count; ++i) {
    uint8_t* at = made.data() + i * block_bytes;
    QuantBlock block;
    read_quant_block(dtype, at, &block);
    block.scale = static_cast<uint16_t>(quant_grid(dtype)->scale == Scale::power
                                            ? 120 + block.scale % 8
                                            : 0x2C00 + block.scale % 0x400);
    if (block.minimum != 0) block.minimum = static_cast<uint16_t>(0x2C00 + i);
    write_quant_block(dtype, block, at);
  }
  return made;
}

// The same with other scales, and a code in a few moved; every third block as it was.
Bytes moved_blocks(Dtype dtype, Bytes made) {
  const size_t block_bytes = dtype_layout(dtype).block_bytes;
  const QuantGrid& grid = *quant_grid(dtype);
  for (size_t i = 0; (i + 1) * block_bytes <= made.size(); ++i) {
    if (i % 3 == 2) continue;
    uint8_t* at = made.data() + i * block_bytes;
    QuantBlock block;
    read_quant_block(dtype, at, &block);
    block.scale =
        static_cast<uint16_t>(block.scale + (grid.scale == Scale::power ? i % 2 : 5 * i));
    for (size_t k = i; k < size_t{grid.groups} * grid.group_codes; k += 11) {
      if (block.code[k] < grid.codes.high) ++block.code[k];
    }
    write_quant_block(dtype, block, at);
  }
  return made;
}

// Rows of one block to each of which the same was added, more or less of it: a rank.
void write_ranked_blocks() {
  const size_t block_bytes = dtype_layout(Dtype::q8_0).block_bytes;
  const Bytes base = blocks(Dtype::q8_0, 40);
  Bytes result = base;
  for (size_t i = 0; i < 40; ++i) {
    QuantBlock block;
    read_quant_block(Dtype::q8_0, base.data() + i * block_bytes, &block);
    for (size_t k = 0; k < 32; ++k) {
      const auto along = static_cast<int>(i * 7 % 13) - 6;
      const auto across = static_cast<int>(k * 5 % 11) - 5;
      block.code[k] =
          static_cast<int16_t>(std::clamp(block.code[k] + along * across, -128, 127));
    }
    write_quant_block(Dtype::q8_0, block, result.data() + i * block_bytes);
  }
  const auto low = static_cast<uint8_t>(base.size());
  const auto high = static_cast<uint8_t>(base.size() >> 8);
  const TensorPlace place = {0, 32, 32, 0, 0};
  write("blocks_decoder", "ranks",
        join({{static_cast<uint8_t>(Dtype::q8_0), low, high, low, high},
              base,
              pack::encode_blocks(Dtype::q8_0, {{base.size(), place}}, base, result)}));
}

// Blocks from their weights, in binary32, of which some were moved.
void write_weights(Dtype from, Dtype to, size_t count) {
  const Bytes base = blocks(from, count);
  const size_t elements = count * dtype_layout(from).block_elements;
  std::vector<uint32_t> numbers(elements);
  to_binary32({from}, base.data(), elements, numbers.data());
  Bytes weights(elements * sizeof(uint32_t));
  for (size_t i = 0; i < elements; ++i) {
    store_le(weights.data() + i * sizeof(uint32_t),
             numbers[i] ^ (i % 7 == 0 ? 0x80000 : 0));
  }
  const Bytes result = blocks(to, elements / dtype_layout(to).block_elements);
  const auto low = static_cast<uint8_t>(weights.size());
  const auto high = static_cast<uint8_t>(weights.size() >> 8);
  write("blocks_decoder", std::string("weights-") + dtype_layout(to).name,
        join({{static_cast<uint8_t>(static_cast<uint8_t>(to) | 128), 0, 0, low, high},
              weights,
              pack::encode_blocks_by_weights(to, {{result.size(), {}}}, weights, result)}));
}

void write_blocks_seeds() {
  for (unsigned i = 0; i < 256; ++i) {
    const auto dtype = static_cast<Dtype>(i);
    if (quant_grid(dtype) == nullptr) continue;
    const size_t block_bytes = dtype_layout(dtype).block_bytes;
    const Bytes tail = {1, 2, 3, 4, 5};
    const Bytes base = join({blocks(dtype, block_bytes < 50 ? 9 : 3), tail});
    Bytes result = moved_blocks(dtype, base);
    ++result.back();
    // Rows of two blocks, of which the first is begun.
    const DtypeLayout& layout = dtype_layout(dtype);
    const TensorPlace place = {layout.block_elements, 2ull * layout.block_elements, 1, 0,
                               0};
    const auto low = static_cast<uint8_t>(base.size());
    const auto high = static_cast<uint8_t>(base.size() >> 8);
    write("blocks_decoder", dtype_layout(dtype).name,
          join({{static_cast<uint8_t>(i), low, high, low, high},
                base,
                pack::encode_blocks(dtype, {{base.size(), place}}, base, result)}));
  }
  write_ranked_blocks();
  write_weights(Dtype::q4_k, Dtype::q6_k, 1);
  write_weights(Dtype::q6_k, Dtype::q4_k, 2);
  write_weights(Dtype::q8_0, Dtype::iq4_nl, 3);
  write_weights(Dtype::q4_0, Dtype::mxfp4, 3);
  // One tensor in each: the round-trip target's first range has 38 * 37 + 1 bytes.
  const Bytes old_blocks = blocks(Dtype::q4_k, 9);
  const DtypeTable table = dtype_table();
  uint8_t index = 0;
  while (table.entries[index].dtype != Dtype::q4_k) ++index;
  write("round_trip", "blocks",
        join({{128, 38, index, 38, index},
              old_blocks,
              moved_blocks(Dtype::q4_k, old_blocks)}));
}

// The indices and segments of a tensor that keeps some of its columns, others in each row.
struct Arrays {
  Bytes indices;
  Bytes segments;
};

Arrays sparse_arrays(size_t rows, size_t columns, size_t segment_bytes, size_t seed) {
  const Bytes noise = slice(fixed_base(), 2048 + seed, rows * columns / 2 + 1);
  Arrays made;
  for (size_t row = 0; row <= rows; ++row) {
    const size_t ones = made.indices.size();
    made.segments.push_back(static_cast<uint8_t>(ones));
    for (size_t i = 1; i < segment_bytes; ++i) {
      made.segments.push_back(static_cast<uint8_t>(ones >> (8 * i)));
    }
    for (size_t i = 0; row < rows && i < columns; ++i) {
      const size_t cell = row * columns + i;
      const bool is_one = (noise[cell / 2] >> (4 * (cell % 2)) & 3) == 0;
      if (is_one) made.indices.push_back(static_cast<uint8_t>(i));
    }
  }
  return made;
}

void write_mask_seeds() {
  const auto write_masks = [](const char* name, const std::vector<MaskShape>& masks,
                              const Bytes& result) {
    const Bytes length = {static_cast<uint8_t>(result.size()),
                          static_cast<uint8_t>(result.size() >> 8)};
    write("mask_decoder", name, join({length, pack::encode_mask(masks, result)}));
  };
  const Arrays small = sparse_arrays(20, 60, 2, 0);
  const Arrays other = sparse_arrays(9, 20, 1, 100);
  const auto first =
      pack::find_mask({Dtype::u8, small.indices}, {Dtype::u16, small.segments});
  const auto second =
      pack::find_mask({Dtype::u8, other.segments}, {Dtype::u8, other.indices});
  write_masks("one", {*first}, join({small.indices, small.segments}));
  write_masks("two", {*first, *second},
              join({small.indices, small.segments, other.segments, other.indices}));
  Bytes full(512 + 6);  // two rows of 256 columns
  for (size_t i = 0; i < 512; ++i) full[i] = static_cast<uint8_t>(i);
  full[515] = 1;
  full[517] = 2;
  write_masks("full", {{2, 256, 512, false, 1, 2}}, full);
  // The round-trip target's first two ranges: 6 * 37 + 1 and 7 * 37 + 1 bytes of u8.
  Bytes segments;
  for (size_t i = 0; i < 260; ++i) {
    segments.push_back(static_cast<uint8_t>(std::min<size_t>(i, 223)));
  }
  write("round_trip", "mask",
        join({{0, 6, 1, 6, 1}, slice(fixed_base(), 2048, 223), segments, {1, 2, 3}}));
}

// A matrix of 12 by 20 elements, and the same with the gain of a row, an update of one rank
// or single elements changed.
Bytes matrix(const ValueType& type) {
  const Bytes noise = slice(fixed_base(), 2048, 240 * type.bytes);
  Bytes made = noise;
  for (size_t i = 0; type.kind == ValueKind::floating && i < 240; ++i) {
    uint8_t* at = made.data() + i * type.bytes;
    const FloatFormat format = type.format;
    const uint64_t near_one = (format.infinity() / 2 >> format.mantissa_bits) - i % 4;
    const uint64_t rest = load_bits(type, at) & ~format.infinity();
    store_bits(type, at, rest | near_one << format.mantissa_bits);
  }
  return made;
}

Bytes changed_matrix(const ValueType& type, Bytes made) {
  for (size_t i = 0; i < 240; ++i) {
    uint8_t* at = made.data() + i * type.bytes;
    const size_t top = type.bytes - 1;
    if (type.kind == ValueKind::code)
      *at = static_cast<uint8_t>(*at + i / 20 * (i % 20) / 9);
    if (type.kind != ValueKind::code && i % 5 == 0) at[top - 1] = static_cast<uint8_t>(i);
    if (i % 37 == 0) ++at[0];
  }
  return made;
}

// Elements predicted from the base, and on their own.
void write_values(Dtype dtype, const TensorPlace& place, const Bytes& base,
                  const Bytes& result) {
  const auto low = static_cast<uint8_t>(base.size());
  const auto high = static_cast<uint8_t>(base.size() >> 8);
  const std::string name = dtype_layout(dtype).name;
  write("values_decoder", name + "-base",
        join({{static_cast<uint8_t>(dtype), low, high, low, high},
              base,
              pack::encode_values(dtype, {{base.size(), place}}, base, result)}));
  write("values_decoder", name + "-alone",
        join({{static_cast<uint8_t>(dtype), low, high, 0, 0},
              pack::encode_values(dtype, {{base.size(), place}}, {}, result)}));
}

void write_values_seeds() {
  for (unsigned i = 0; i < 256; ++i) {
    const auto dtype = static_cast<Dtype>(i);
    ValueType type;
    if (!value_type(dtype, &type)) continue;
    const Bytes tail = {1, 2, 3};
    const Bytes old = matrix(type);
    write_values(dtype, {30, 20, 20, 3, -3},  // begins within a row
                 join({old, tail}), join({changed_matrix(type, old), tail}));
  }
  for (const Dtype dtype : {Dtype::i4, Dtype::u4}) {
    const ValueType type = value_type_of(Dtype::i8);
    const Bytes old = matrix(type);
    write_values(dtype, {30, 21, 21, 1, -3},  // rows of an odd number of codes
                 old, changed_matrix(type, old));
  }
}

void write_mixed_seeds() {
  for (const Dtype dtype : {Dtype::i8, Dtype::u16, Dtype::i32, Dtype::f16, Dtype::bf16}) {
    ValueType type;
    (void)value_type(dtype, &type);
    const Bytes base = matrix(type);
    const Bytes result = join({changed_matrix(type, base), {1}});
    const auto low = static_cast<uint8_t>(result.size());
    const auto high = static_cast<uint8_t>(result.size() >> 8);
    const TensorPlace place = {30, 20, 5, 3, -3};  // begins within a row
    const std::string name = dtype_layout(dtype).name;
    const Bytes old_part = join({base, {2}});
    write("mixed_decoder", name + "-base",
          join({{static_cast<uint8_t>(dtype), low, high, low, high},
                old_part,
                pack::encode_mixed(dtype, {{result.size(), place}}, old_part, result)}));
    write("mixed_decoder", name + "-alone",
          join({{static_cast<uint8_t>(dtype), low, high, 0, 0},
                pack::encode_mixed(dtype, {{result.size(), place}}, {}, result)}));
  }
  Bytes sparse(240, 0);
  for (size_t i = 0; i < 240; i += 7) sparse[i] = static_cast<uint8_t>(i);
  write("mixed_decoder", "sparse",
        join({{static_cast<uint8_t>(Dtype::i8), 240, 0, 0, 0},
              pack::encode_mixed(Dtype::i8, {{240, {0, 20, 20, 0, 0}}}, {}, sparse)}));
}

void write_edits_seeds() {
  for (const Dtype dtype : {Dtype::i8, Dtype::u16, Dtype::i32, Dtype::f16, Dtype::f32}) {
    ValueType type;
    (void)value_type(dtype, &type);
    const Bytes base = matrix(type);
    const size_t elements = base.size() / type.bytes;
    const TensorPlace place = {30, 20, 5, 3, -3};  // begins within a row
    const auto low = static_cast<uint8_t>(base.size());
    const auto high = static_cast<uint8_t>(base.size() >> 8);
    const auto seed = [&](const char* name, const Bytes& result) {
      write("edits_decoder", dtype_layout(dtype).name + std::string("-") + name,
            join({{static_cast<uint8_t>(dtype), low, high},
                  base,
                  pack::encode_edits(dtype, {{result.size(), place, {}}}, base, result)}));
    };
    Bytes sparse = base;
    sparse[sparse.size() / 3] ^= 1;
    seed("sparse", sparse);
    Bytes pruned = base;
    for (size_t i = 0; i < elements; ++i) {
      const uint64_t bits = load_edit(type, &base[i * type.bytes]);
      if (edit_order(type, bits) < 3) store_edit(type, &pruned[i * type.bytes], 0);
    }
    seed("pruned", pruned);
    if (!has_factors(type)) continue;
    Bytes multiplied = base;
    for (size_t i = 0; i < elements; ++i) {
      const uint64_t bits = load_edit(type, &base[i * type.bytes]);
      store_edit(type, &multiplied[i * type.bytes], edit_product(type, bits, 0x3E99999A));
    }
    seed("multiplied", multiplied);
  }
}

void write_grid_seeds() {
  ValueType type;
  (void)value_type(Dtype::f32, &type);
  const Bytes base = matrix(type);
  const auto low = static_cast<uint8_t>(base.size());
  const auto high = static_cast<uint8_t>(base.size() >> 8);
  const TensorPlace place = {30, 20, 5, 3, -3};  // begins within a row
  const auto seed = [&](const char* name, const auto& change) {
    Bytes result = base;
    for (size_t i = 0; i < base.size() / 4; ++i)
      store_le(&result[4 * i], change(i, load_le<uint32_t>(&base[4 * i])));
    for (const bool has_base : {false, true}) {
      const Bytes old = has_base ? base : Bytes{};
      write(
          "grid_decoder", name + std::string(has_base ? "-base" : "-alone"),
          join({{static_cast<uint8_t>(Dtype::f32), low, high, has_base},
                old,
                pack::encode_grid(Dtype::f32, {{result.size(), place, {}}}, old, result)}));
    }
  };
  seed("bf16", [](size_t, uint32_t bits) { return bits & 0xFFFF0000; });
  seed("short", [](size_t, uint32_t bits) { return bits & 0xFFFFF000; });
  const ScaleGrid scale(0x3D4CCCCD);
  seed("scaled", [&](size_t i, uint32_t) {
    return scale.point(static_cast<int32_t>(i * 37 % 255) - 127);
  });
  seed("rows", [&](size_t i, uint32_t) {
    const auto row = static_cast<uint32_t>((30 + i) / 20);
    return ScaleGrid(0x3D4CCCCD + 7919 * row)
        .point(static_cast<int32_t>(i * 37 % 255) - 127);
  });
  seed("codebook",
       [&](size_t i, uint32_t) { return load_le<uint32_t>(&base[4 * (i % 7)]); });
}

void write_tokens_seeds() {
  const Bytes base = fixed_base();
  const Bytes result = edited(base);
  const auto head = [](Dtype dtype, bool has_base, size_t length) {
    return Bytes{static_cast<uint8_t>(dtype), has_base, static_cast<uint8_t>(length),
                 static_cast<uint8_t>(length >> 8)};
  };
  for (const Dtype dtype : {Dtype::u8, Dtype::i16, Dtype::f16, Dtype::f32}) {
    const Bytes old_part = slice(base, 2000, 301);
    const Bytes new_part = slice(result, 2000, 301);
    const std::string name = dtype_layout(dtype).name;
    write("tokens_decoder", name + "-base",
          join({head(dtype, true, 301), old_part,
                pack::encode_tokens(dtype, old_part, new_part)}));
    write("tokens_decoder", name + "-alone",
          join({head(dtype, false, 301), pack::encode_tokens(dtype, {}, new_part)}));
  }
  for (const Dtype dtype : {Dtype::q4_0, Dtype::q5_1, Dtype::q3_k, Dtype::q4_k}) {
    const Bytes old_blocks = blocks(dtype, 3);
    const Bytes new_blocks = moved_blocks(dtype, old_blocks);
    write("tokens_decoder", dtype_layout(dtype).name,
          join({head(dtype, true, old_blocks.size()), old_blocks,
                pack::encode_tokens(dtype, old_blocks, new_blocks)}));
  }
}

}  // namespace

void write_codec_seeds() {
  write_plain_seeds();
  write_blocks_seeds();
  write_mask_seeds();
  write_values_seeds();
  write_mixed_seeds();
  write_edits_seeds();
  write_grid_seeds();
  write_tokens_seeds();
  write_lite_seeds();
  write_firmware_seed();
}

}  // namespace mallorn::fuzz
