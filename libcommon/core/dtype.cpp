#include "libcommon/core/dtype.hpp"

#include "libcommon/core/bytes.hpp"

namespace mallorn {
namespace {

constexpr DtypeLayout kLayouts[] = {
    {Dtype::opaque, "opaque", 1, 1},
    {Dtype::u8, "u8", 1, 1},
    {Dtype::i8, "i8", 1, 1},
    {Dtype::u16, "u16", 1, 2},
    {Dtype::i16, "i16", 1, 2},
    {Dtype::u32, "u32", 1, 4},
    {Dtype::i32, "i32", 1, 4},
    {Dtype::u64, "u64", 1, 8},
    {Dtype::i64, "i64", 1, 8},
    {Dtype::f16, "f16", 1, 2},
    {Dtype::bf16, "bf16", 1, 2},
    {Dtype::f32, "f32", 1, 4},
    {Dtype::f64, "f64", 1, 8},
    {Dtype::boolean, "bool", 1, 1},
    {Dtype::c64, "c64", 1, 8},
    {Dtype::c128, "c128", 1, 16},
    {Dtype::i4, "i4", 2, 1},
    {Dtype::u4, "u4", 2, 1},
    {Dtype::i2, "i2", 4, 1},
    {Dtype::u2, "u2", 4, 1},
    {Dtype::f8_e4m3fn, "f8_e4m3fn", 1, 1},
    {Dtype::f8_e4m3fnuz, "f8_e4m3fnuz", 1, 1},
    {Dtype::f8_e5m2, "f8_e5m2", 1, 1},
    {Dtype::f8_e5m2fnuz, "f8_e5m2fnuz", 1, 1},
    {Dtype::f8_e8m0, "f8_e8m0", 1, 1},
    {Dtype::f4_e2m1, "f4_e2m1", 2, 1},
    {Dtype::q4_0, "q4_0", 32, 18},
    {Dtype::q4_1, "q4_1", 32, 20},
    {Dtype::q5_0, "q5_0", 32, 22},
    {Dtype::q5_1, "q5_1", 32, 24},
    {Dtype::q8_0, "q8_0", 32, 34},
    {Dtype::q8_1, "q8_1", 32, 36},
    {Dtype::q2_k, "q2_k", 256, 84},
    {Dtype::q3_k, "q3_k", 256, 110},
    {Dtype::q4_k, "q4_k", 256, 144},
    {Dtype::q5_k, "q5_k", 256, 176},
    {Dtype::q6_k, "q6_k", 256, 210},
    {Dtype::q8_k, "q8_k", 256, 292},
    {Dtype::iq2_xxs, "iq2_xxs", 256, 66},
    {Dtype::iq2_xs, "iq2_xs", 256, 74},
    {Dtype::iq3_xxs, "iq3_xxs", 256, 98},
    {Dtype::iq1_s, "iq1_s", 256, 50},
    {Dtype::iq4_nl, "iq4_nl", 32, 18},
    {Dtype::iq3_s, "iq3_s", 256, 110},
    {Dtype::iq2_s, "iq2_s", 256, 82},
    {Dtype::iq4_xs, "iq4_xs", 256, 136},
    {Dtype::iq1_m, "iq1_m", 256, 56},
    {Dtype::tq1_0, "tq1_0", 256, 54},
    {Dtype::tq2_0, "tq2_0", 256, 66},
    {Dtype::mxfp4, "mxfp4", 32, 17},
    {Dtype::nvfp4, "nvfp4", 64, 36},
    {Dtype::q1_0, "q1_0", 128, 18},
    {Dtype::q2_0, "q2_0", 64, 18},
};

}  // namespace

DtypeTable dtype_table() { return {kLayouts, sizeof(kLayouts) / sizeof(kLayouts[0])}; }

const DtypeLayout& dtype_layout(Dtype dtype) {
  for (const DtypeLayout& layout : kLayouts) {
    if (layout.dtype == dtype) return layout;
  }
  return kLayouts[0];
}

bool dtype_bytes(Dtype dtype, uint64_t elements, uint64_t* bytes) {
  const DtypeLayout& layout = dtype_layout(dtype);
  uint64_t blocks = elements / layout.block_elements;
  if (elements % layout.block_elements != 0) {
    if (layout.block_bytes != 1) return false;
    blocks += 1;
  }
  return checked_mul(blocks, layout.block_bytes, bytes);
}

}  // namespace mallorn
