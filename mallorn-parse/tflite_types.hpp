// The element types of TFLite tensors, by the numbers a model stores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libcommon/core/dtype.hpp"

namespace mallorn::parse {

// `opaque` for types without elements of fixed width (strings, resources, variants) and for
// numbers that are newer than this table.
constexpr Dtype tflite_dtype(int8_t type) {
  constexpr Dtype kDtypes[] = {
      Dtype::f32,        // 0 FLOAT32
      Dtype::f16,        // 1 FLOAT16
      Dtype::i32,        // 2 INT32
      Dtype::u8,         // 3 UINT8
      Dtype::i64,        // 4 INT64
      Dtype::opaque,     // 5 STRING
      Dtype::boolean,    // 6 BOOL
      Dtype::i16,        // 7 INT16
      Dtype::c64,        // 8 COMPLEX64
      Dtype::i8,         // 9 INT8
      Dtype::f64,        // 10 FLOAT64
      Dtype::c128,       // 11 COMPLEX128
      Dtype::u64,        // 12 UINT64
      Dtype::opaque,     // 13 RESOURCE
      Dtype::opaque,     // 14 VARIANT
      Dtype::u32,        // 15 UINT32
      Dtype::u16,        // 16 UINT16
      Dtype::i4,         // 17 INT4
      Dtype::bf16,       // 18 BFLOAT16
      Dtype::i2,         // 19 INT2
      Dtype::u4,         // 20 UINT4
      Dtype::f8_e4m3fn,  // 21 FLOAT8_E4M3FN
      Dtype::f8_e5m2,    // 22 FLOAT8_E5M2
  };
  const size_t index = static_cast<size_t>(static_cast<uint8_t>(type));
  return index < sizeof(kDtypes) / sizeof(kDtypes[0]) ? kDtypes[index] : Dtype::opaque;
}

}  // namespace mallorn::parse
