// Elements as codec 8 sees them: bits, whatever they stand for, and a place in the order of
// their type (docs/format/edits.md, "Elements" and "Factors").
#pragma once

#include <cstdint>

#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/float_cast.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

// What the elements of a section are taken for: those of blocks for their bytes, as codes
// with sign, in rows of a block each. False for dtypes that the codec does not have.
struct EditType {
  Dtype dtype;  // of which others are
  ValueType type;
  uint32_t block_bytes;  // 0 if they are no blocks
};
inline bool edit_type(Dtype dtype, EditType* type) {
  const bool is_blocks = quant_grid(dtype) != nullptr;
  type->dtype = is_blocks ? Dtype::i8 : dtype;
  type->block_bytes = is_blocks ? dtype_layout(dtype).block_bytes : 0;
  return value_type(type->dtype, &type->type);
}

inline uint64_t load_edit(const ValueType& type, const uint8_t* from) {
  return type.bytes == 1 ? *from : load_bits(type, from);
}
inline void store_edit(const ValueType& type, uint8_t* to, uint64_t bits) {
  if (type.bytes == 1) {
    *to = static_cast<uint8_t>(bits);
  } else {
    store_bits(type, to, bits);
  }
}
constexpr int64_t edit_order(const ValueType& type, uint64_t bits) {
  if (type.kind == ValueKind::floating) return to_order(type.format, bits);
  return type.is_signed ? extend_sign(type, bits) : static_cast<int64_t>(bits);
}

// Floats of up to 32 bits can be multiplied.
constexpr bool has_factors(const ValueType& type) {
  return type.kind == ValueKind::floating && type.format.bits <= 32;
}

// What programs make of a float that they multiply by a factor in binary32: the product in
// that format, and that rounded to the format of the float. What is no number stays.
inline uint64_t edit_product(const ValueType& type, uint64_t bits, uint32_t factor) {
  if (factor == kF32One || (bits & (type.format.sign() - 1)) >= type.format.infinity())
    return bits;
  const auto product = [&](uint64_t number) {
    return f32_product(static_cast<uint32_t>(number), factor);
  };
  switch (type.format.mantissa_bits) {
    case kF16.mantissa_bits:
      return narrowed<kF32, kF16>(product(widened<kF16, kF32>(bits)), Rounding::nearest);
    case kBf16.mantissa_bits:
      return narrowed<kF32, kBf16>(product(widened<kBf16, kF32>(bits)), Rounding::nearest);
    default:
      return product(bits);
  }
}

}  // namespace mallorn
