// Dtype: the element types of tensors in every format Mallorn reads, and their layout.
//
// Numbers are frozen: delta streams and patches carry them (docs/format/dtypes.md). Block
// types of GGUF carry `block_elements` elements in `block_bytes` bytes; scalar types are
// blocks of one element, sub-byte types blocks of one byte.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mallorn {

enum class Dtype : uint8_t {
  opaque = 0,  // bytes without known structure (strings, unknown types)
  u8 = 1,
  i8 = 2,
  u16 = 3,
  i16 = 4,
  u32 = 5,
  i32 = 6,
  u64 = 7,
  i64 = 8,
  f16 = 9,
  bf16 = 10,
  f32 = 11,
  f64 = 12,
  boolean = 13,
  c64 = 14,
  c128 = 15,
  i4 = 16,
  u4 = 17,
  i2 = 18,
  u2 = 19,
  f8_e4m3fn = 20,
  f8_e4m3fnuz = 21,
  f8_e5m2 = 22,
  f8_e5m2fnuz = 23,
  f8_e8m0 = 24,
  f4_e2m1 = 25,
  q4_0 = 32,
  q4_1 = 33,
  q5_0 = 34,
  q5_1 = 35,
  q8_0 = 36,
  q8_1 = 37,
  q2_k = 38,
  q3_k = 39,
  q4_k = 40,
  q5_k = 41,
  q6_k = 42,
  q8_k = 43,
  iq2_xxs = 44,
  iq2_xs = 45,
  iq3_xxs = 46,
  iq1_s = 47,
  iq4_nl = 48,
  iq3_s = 49,
  iq2_s = 50,
  iq4_xs = 51,
  iq1_m = 52,
  tq1_0 = 53,
  tq2_0 = 54,
  mxfp4 = 55,
  nvfp4 = 56,
  q1_0 = 57,
  q2_0 = 58,
};

struct DtypeLayout {
  Dtype dtype;
  const char* name;         // as in JSON
  uint16_t block_elements;  // elements per block
  uint16_t block_bytes;     // bytes per block
};

// All dtypes, in order of their number.
struct DtypeTable {
  const DtypeLayout* entries;
  size_t count;
};
DtypeTable dtype_table();

// The layout of `dtype`; that of `opaque` for a number not in the table.
const DtypeLayout& dtype_layout(Dtype dtype);

// Bytes that `elements` elements of `dtype` occupy; false if they do not fill whole blocks
// (sub-byte types round up) or do not fit in 64 bits. `opaque` has one byte per element.
[[nodiscard]] bool dtype_bytes(Dtype dtype, uint64_t elements, uint64_t* bytes);

}  // namespace mallorn
