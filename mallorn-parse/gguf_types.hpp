// The numbers GGUF gives to tensor types and to metadata values. New ones keep coming: both
// are data tables, and an unknown tensor type degrades to an opaque range instead of
// failing.
#pragma once

#include <cstdint>
#include <optional>

#include "libcommon/core/dtype.hpp"

namespace mallorn::parse {

// The dtype of GGUF tensor type `id`; nothing for removed and unknown ids, whose size is
// unknown.
std::optional<Dtype> gguf_dtype(uint32_t id);

enum class GgufValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// The dtype of a metadata value of fixed size; nothing for strings, arrays and unknown
// numbers.
std::optional<Dtype> gguf_scalar_dtype(GgufValueType type);

}  // namespace mallorn::parse
