#include "libcommon/core/block_fields.hpp"

#include "libcommon/core/bytes.hpp"

namespace mallorn {
namespace {

// Scalars.
constexpr Field kBytes[] = {{0, 1, 1, Lane::bytes}};
constexpr Field kNibbles[] = {{0, 1, 1, Lane::nibbles}};
constexpr Field kCrumbs[] = {{0, 1, 1, Lane::crumbs}};
constexpr Field kF8[] = {{0, 1, 1, Lane::f8}};
constexpr Field kU16[] = {{0, 1, 2, Lane::u16}};
constexpr Field kU32[] = {{0, 1, 4, Lane::u32}};
constexpr Field kU64[] = {{0, 1, 8, Lane::u64}};
constexpr Field kI16[] = {{0, 1, 2, Lane::i16}};
constexpr Field kI32[] = {{0, 1, 4, Lane::i32}};
constexpr Field kI64[] = {{0, 1, 8, Lane::i64}};
constexpr Field kF16Scalar[] = {{0, 1, 2, Lane::f16}};
constexpr Field kF32Scalar[] = {{0, 1, 4, Lane::f32}};
constexpr Field kF64Scalar[] = {{0, 1, 8, Lane::f64}};

// Blocks of GGUF.
constexpr Field kQ4_0[] = {{0, 1, 2, Lane::f16}, {2, 16, 1, Lane::nibbles}};
constexpr Field kQ4_1[] = {
    {0, 1, 2, Lane::f16}, {2, 1, 2, Lane::f16}, {4, 16, 1, Lane::nibbles}};
constexpr Field kQ5_0[] = {
    {0, 1, 2, Lane::f16}, {2, 4, 1, Lane::part}, {6, 16, 1, Lane::part}};
constexpr CodeField kQ5_0Codes[] = {{32, {6, 4, 16}, {2, 1, 1}}};
constexpr Field kQ5_1[] = {{0, 1, 2, Lane::f16},
                           {2, 1, 2, Lane::f16},
                           {4, 4, 1, Lane::part},
                           {8, 16, 1, Lane::part}};
constexpr CodeField kQ5_1Codes[] = {{32, {8, 4, 16}, {4, 1, 1}}};
constexpr Field kQ8_0[] = {{0, 1, 2, Lane::f16}, {2, 32, 1, Lane::bytes}};
constexpr Field kQ8_1[] = {
    {0, 1, 2, Lane::f16}, {2, 1, 2, Lane::f16}, {4, 32, 1, Lane::bytes}};
constexpr Field kQ2_K[] = {{80, 1, 2, Lane::f16},
                           {82, 1, 2, Lane::f16},
                           {0, 16, 1, Lane::nibbles},
                           {16, 64, 1, Lane::crumbs}};
constexpr Field kQ3_K[] = {{108, 1, 2, Lane::f16},
                           {96, 8, 1, Lane::part},
                           {104, 4, 1, Lane::part},
                           {0, 32, 1, Lane::part},
                           {32, 64, 1, Lane::part}};
constexpr CodeField kQ3_KCodes[] = {{16, {96, 4, 8}, {104, 2, 4}},
                                    {256, {32, 2, 32}, {0, 1, 32}}};
constexpr Field kQ4_K[] = {{0, 1, 2, Lane::f16},
                           {2, 1, 2, Lane::f16},
                           {4, 12, 1, Lane::scales},
                           {16, 128, 1, Lane::nibbles}};
constexpr Field kQ5_K[] = {{0, 1, 2, Lane::f16},
                           {2, 1, 2, Lane::f16},
                           {4, 12, 1, Lane::scales},
                           {16, 32, 1, Lane::part},
                           {48, 128, 1, Lane::part}};
constexpr CodeField kQ5_KCodes[] = {{256, {48, 4, 32}, {16, 1, 32}}};
constexpr Field kQ6_K[] = {{208, 1, 2, Lane::f16},
                           {192, 16, 1, Lane::bytes},
                           {128, 64, 1, Lane::part},
                           {0, 128, 1, Lane::part}};
constexpr CodeField kQ6_KCodes[] = {{256, {0, 4, 64}, {128, 2, 32}}};
constexpr Field kQ8_K[] = {
    {0, 1, 4, Lane::f32}, {4, 256, 1, Lane::bytes}, {260, 16, 2, Lane::i16}};
// Grid indices, then the words of sign indices and scales byte by byte.
constexpr Field kIq2Xxs[] = {
    {0, 1, 2, Lane::f16},   {2, 8, 8, Lane::bytes}, {3, 8, 8, Lane::bytes},
    {4, 8, 8, Lane::bytes}, {5, 8, 8, Lane::bytes}, {6, 8, 8, Lane::bytes},
    {7, 8, 8, Lane::bytes}, {8, 8, 8, Lane::bytes}, {9, 8, 8, Lane::bytes}};
constexpr Field kIq2Xs[] = {{0, 1, 2, Lane::f16},
                            {66, 8, 1, Lane::nibbles},
                            {2, 32, 2, Lane::bytes},
                            {3, 32, 2, Lane::bytes}};
constexpr Field kIq3Xxs[] = {{0, 1, 2, Lane::f16},    {2, 64, 1, Lane::bytes},
                             {66, 8, 4, Lane::bytes}, {67, 8, 4, Lane::bytes},
                             {68, 8, 4, Lane::bytes}, {69, 8, 4, Lane::bytes}};
constexpr Field kIq1S[] = {{0, 1, 2, Lane::f16},
                           {2, 32, 1, Lane::bytes},
                           {34, 8, 2, Lane::bytes},
                           {35, 8, 2, Lane::bytes}};
constexpr Field kIq3S[] = {{0, 1, 2, Lane::f16},
                           {106, 4, 1, Lane::nibbles},
                           {66, 8, 1, Lane::bits},
                           {74, 32, 1, Lane::bits},
                           {2, 64, 1, Lane::bytes}};
constexpr Field kIq2S[] = {{0, 1, 2, Lane::f16},
                           {74, 8, 1, Lane::nibbles},
                           {66, 8, 1, Lane::crumbs},
                           {34, 32, 1, Lane::bits},
                           {2, 32, 1, Lane::bytes}};
constexpr Field kIq4Xs[] = {{0, 1, 2, Lane::f16},
                            {2, 2, 1, Lane::crumbs},
                            {4, 4, 1, Lane::nibbles},
                            {8, 128, 1, Lane::nibbles}};
constexpr Field kIq1M[] = {
    {48, 4, 2, Lane::u16}, {32, 16, 1, Lane::nibbles}, {0, 32, 1, Lane::bytes}};
constexpr Field kTq1_0[] = {
    {52, 1, 2, Lane::f16}, {48, 4, 1, Lane::bytes}, {0, 48, 1, Lane::bytes}};
constexpr Field kTq2_0[] = {{64, 1, 2, Lane::f16}, {0, 64, 1, Lane::crumbs}};
constexpr Field kMxfp4[] = {{0, 1, 1, Lane::bytes}, {1, 16, 1, Lane::nibbles}};
constexpr Field kNvfp4[] = {{0, 4, 1, Lane::bytes}, {4, 32, 1, Lane::nibbles}};
constexpr Field kQ1_0[] = {{0, 1, 2, Lane::f16}, {2, 16, 1, Lane::bits}};
constexpr Field kQ2_0[] = {{0, 1, 2, Lane::f16}, {2, 16, 1, Lane::crumbs}};

template <size_t n>
constexpr BlockFields of(const Field (&fields)[n]) {
  return {fields, n, nullptr, 0};
}

template <size_t n, size_t m>
constexpr BlockFields of(const Field (&fields)[n], const CodeField (&codes)[m]) {
  return {fields, n, codes, m};
}

constexpr uint8_t low_ones(unsigned bits) {
  return static_cast<uint8_t>((1u << bits) - 1u);
}

// Adds to each of `count` bytes the bits of the other one that `mask` leaves once they are
// moved down, moved up: none of them leaves its byte, so that eight bytes are moved as one.
void add_bits(uint8_t* __restrict to, const uint8_t* __restrict from, size_t count,
              unsigned down, uint8_t mask, unsigned up) {
  constexpr size_t kAtOnce = sizeof(uint64_t);
  const uint64_t masks = UINT64_MAX / 255 * mask;
  for (; count >= kAtOnce; count -= kAtOnce, to += kAtOnce, from += kAtOnce) {
    const uint64_t bits = (load_le<uint64_t>(from) >> down & masks) << up;
    store_le<uint64_t>(to, load_le<uint64_t>(to) | bits);
  }
  for (size_t i = 0; i < count; ++i) {
    to[i] = static_cast<uint8_t>(to[i] | (from[i] >> down & mask) << up);
  }
}

// Puts the packed numbers into `codes`, from bit `position` up.
void unpack(const Packing& packing, size_t count, unsigned position, const uint8_t* block,
            uint8_t* codes) {
  if (packing.bits == 0) return;
  const uint8_t* from = block + packing.offset;
  const uint8_t mask = low_ones(packing.bits);
  for (size_t e = 0; e < count; from += packing.run) {
    for (unsigned shift = 0; shift < 8; shift += packing.bits, e += packing.run) {
      add_bits(codes + e, from, packing.run, shift, mask, position);
    }
  }
}

// The inverse, into bytes that are zero.
void pack(const Packing& packing, size_t count, unsigned position, const uint8_t* codes,
          uint8_t* block) {
  if (packing.bits == 0) return;
  uint8_t* to = block + packing.offset;
  const uint8_t mask = low_ones(packing.bits);
  for (size_t e = 0; e < count; to += packing.run) {
    for (unsigned shift = 0; shift < 8; shift += packing.bits, e += packing.run) {
      add_bits(to, codes + e, packing.run, position, mask, shift);
    }
  }
}

}  // namespace

BlockFields block_fields(Dtype dtype) {
  switch (dtype) {
    case Dtype::u16:
      return of(kU16);
    case Dtype::i16:
      return of(kI16);
    case Dtype::u32:
      return of(kU32);
    case Dtype::i32:
      return of(kI32);
    case Dtype::u64:
      return of(kU64);
    case Dtype::i64:
      return of(kI64);
    case Dtype::f16:
    case Dtype::bf16:
      return of(kF16Scalar);
    case Dtype::f32:
    case Dtype::c64:
      return of(kF32Scalar);
    case Dtype::f64:
    case Dtype::c128:
      return of(kF64Scalar);
    case Dtype::i4:
    case Dtype::u4:
    case Dtype::f4_e2m1:
      return of(kNibbles);
    case Dtype::i2:
    case Dtype::u2:
      return of(kCrumbs);
    case Dtype::f8_e4m3fn:
    case Dtype::f8_e4m3fnuz:
    case Dtype::f8_e5m2:
    case Dtype::f8_e5m2fnuz:
      return of(kF8);
    case Dtype::q4_0:
    case Dtype::iq4_nl:
      return of(kQ4_0);
    case Dtype::q4_1:
      return of(kQ4_1);
    case Dtype::q5_0:
      return of(kQ5_0, kQ5_0Codes);
    case Dtype::q5_1:
      return of(kQ5_1, kQ5_1Codes);
    case Dtype::q8_0:
      return of(kQ8_0);
    case Dtype::q8_1:
      return of(kQ8_1);
    case Dtype::q2_k:
      return of(kQ2_K);
    case Dtype::q3_k:
      return of(kQ3_K, kQ3_KCodes);
    case Dtype::q4_k:
      return of(kQ4_K);
    case Dtype::q5_k:
      return of(kQ5_K, kQ5_KCodes);
    case Dtype::q6_k:
      return of(kQ6_K, kQ6_KCodes);
    case Dtype::q8_k:
      return of(kQ8_K);
    case Dtype::iq2_xxs:
      return of(kIq2Xxs);
    case Dtype::iq2_xs:
      return of(kIq2Xs);
    case Dtype::iq3_xxs:
      return of(kIq3Xxs);
    case Dtype::iq1_s:
      return of(kIq1S);
    case Dtype::iq3_s:
      return of(kIq3S);
    case Dtype::iq2_s:
      return of(kIq2S);
    case Dtype::iq4_xs:
      return of(kIq4Xs);
    case Dtype::iq1_m:
      return of(kIq1M);
    case Dtype::tq1_0:
      return of(kTq1_0);
    case Dtype::tq2_0:
      return of(kTq2_0);
    case Dtype::mxfp4:
      return of(kMxfp4);
    case Dtype::nvfp4:
      return of(kNvfp4);
    case Dtype::q1_0:
      return of(kQ1_0);
    case Dtype::q2_0:
      return of(kQ2_0);
    default:
      return of(kBytes);
  }
}

bool has_mode(Dtype dtype, PlaneMode mode) {
  if (mode != PlaneMode::ordered) return true;
  const BlockFields block = block_fields(dtype);
  bool is_float = false;
  visit_numbers(block.fields[0].lane, [&is_float]<typename T, Kind kind>() {
    is_float = kind == Kind::floating;
  });
  return block.field_count == 1 && is_float;
}

size_t plane_block_bytes(Dtype dtype) {
  if (dtype == Dtype::c64) return 4;
  if (dtype == Dtype::c128) return 8;
  return dtype_layout(dtype).block_bytes;
}

bool plane_of(Dtype dtype, size_t index, Plane* plane) {
  const BlockFields block = block_fields(dtype);
  for (size_t i = 0; i < block.field_count; ++i) {
    const size_t width = lane_width(block.fields[i].lane);
    if (index < width) {
      *plane = {block.fields[i], width - 1 - index};
      return true;
    }
    index -= width;
  }
  return false;
}

void unpack_codes(const CodeField& field, const uint8_t* block, uint8_t* codes) {
  std::memset(codes, 0, field.count);
  unpack(field.low, field.count, 0, block, codes);
  unpack(field.high, field.count, field.low.bits, block, codes);
}

void pack_codes(const CodeField& field, const uint8_t* codes, uint8_t* block) {
  const size_t count = field.count;
  std::memset(block + field.low.offset, 0, count * field.low.bits / 8);
  std::memset(block + field.high.offset, 0, count * field.high.bits / 8);
  pack(field.low, count, 0, codes, block);
  pack(field.high, count, field.low.bits, codes, block);
}

void unpack_scales(const uint8_t* from, uint8_t* scales) {
  for (size_t i = 0; i < 4; ++i) {
    scales[i] = from[i] & 63;
    scales[i + 4] = static_cast<uint8_t>((from[i + 8] & 15) | ((from[i] >> 6) << 4));
    scales[i + 8] = from[i + 4] & 63;
    scales[i + 12] = static_cast<uint8_t>((from[i + 8] >> 4) | ((from[i + 4] >> 6) << 4));
  }
}

void pack_scales(const uint8_t* scales, uint8_t* to) {
  for (size_t i = 0; i < 4; ++i) {
    to[i] = static_cast<uint8_t>(scales[i] | ((scales[i + 4] >> 4) << 6));
    to[i + 4] = static_cast<uint8_t>(scales[i + 8] | ((scales[i + 12] >> 4) << 6));
    to[i + 8] = static_cast<uint8_t>((scales[i + 4] & 15) | ((scales[i + 12] & 15) << 4));
  }
}

}  // namespace mallorn
