#include "libcommon/core/conversion.hpp"

#include "libcommon/core/block_cast.hpp"
#include "libcommon/core/lane_conversion.hpp"
#include "libcommon/core/quant_block.hpp"

namespace mallorn {
namespace {

constexpr uint8_t kToZero = 0x80;

template <typename T, typename Cast>
void load_each(const uint8_t* from, size_t count, uint32_t* numbers, Cast cast) {
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<uint32_t>(cast(load_le<T>(from + i * sizeof(T))));
  }
}

template <typename T, typename Cast>
void store_each(const uint32_t* numbers, size_t count, uint8_t* to, Cast cast) {
  for (size_t i = 0; i < count; ++i) {
    store_le<T>(to + i * sizeof(T), static_cast<T>(cast(numbers[i])));
  }
}

// Whether elements become binary32.
bool is_number(Dtype dtype) { return is_plain_float(dtype) || can_dequantize(dtype); }

// The highest bit of each code in a byte, where the codes of one dtype become those of the
// other by turning it; else 0.
uint8_t sign_bits(Dtype from, Dtype to) {
  const auto are = [&](Dtype a, Dtype b) {
    return (from == a && to == b) || (from == b && to == a);
  };
  if (are(Dtype::i8, Dtype::u8)) return 0x80;
  return are(Dtype::i4, Dtype::u4) ? 0x88 : 0;
}

uint64_t bytes_of_elements(Dtype dtype, uint64_t elements) {
  const DtypeLayout& layout = dtype_layout(dtype);
  return elements / layout.block_elements * layout.block_bytes;
}

}  // namespace

void to_binary32(const Conversion& conversion, const uint8_t* from, size_t count,
                 uint32_t* numbers) {
  const auto same = [](uint64_t bits) { return bits; };
  switch (conversion.from) {
    case Dtype::f16:
      return load_each<uint16_t>(from, count, numbers, widened<kF16, kF32>);
    case Dtype::bf16:
      return load_each<uint16_t>(from, count, numbers, widened<kBf16, kF32>);
    case Dtype::f32:
      return load_each<uint32_t>(from, count, numbers, same);
    case Dtype::f64:
      return load_each<uint64_t>(from, count, numbers, [&](uint64_t bits) {
        return narrowed<kF64, kF32>(bits, conversion.rounding);
      });
    default:
      break;
  }
  const DtypeLayout& layout = dtype_layout(conversion.from);
  for (size_t i = 0; i < count; i += layout.block_elements) {
    dequantize_block(conversion.from, from, numbers + i);
    from += layout.block_bytes;
  }
}

void from_binary32(const Conversion& conversion, Dtype dtype, const uint32_t* numbers,
                   size_t count, uint8_t* to) {
  const auto same = [](uint64_t bits) { return bits; };
  switch (dtype) {
    case Dtype::f16:
      return store_each<uint16_t>(numbers, count, to, [](uint64_t bits) {
        return narrowed<kF32, kF16>(bits, Rounding::nearest);
      });
    case Dtype::bf16:
      return store_each<uint16_t>(numbers, count, to, [&](uint64_t bits) {
        return narrowed<kF32, kBf16>(bits, conversion.rounding);
      });
    case Dtype::f32:
      return store_each<uint32_t>(numbers, count, to, same);
    case Dtype::f64:
      return store_each<uint64_t>(numbers, count, to, widened<kF32, kF64>);
    default:
      break;
  }
  const DtypeLayout& layout = dtype_layout(dtype);
  for (size_t i = 0; i < count; i += layout.block_elements) {
    quantize_block(dtype, numbers + i, to);
    to += layout.block_bytes;
  }
}

bool can_convert(const Conversion& conversion, Dtype to) {
  if (sign_bits(conversion.from, to) != 0) return conversion.rounding == Rounding::nearest;
  const bool can_round = conversion.rounding == Rounding::nearest || to == Dtype::bf16;
  return can_round && conversion.from != to && is_number(conversion.from) &&
         (is_plain_float(to) || can_quantize(to));
}

bool has_weights(const Conversion& conversion, Dtype to) {
  return conversion.rounding == Rounding::nearest && conversion.from != to &&
         is_number(conversion.from) && quant_grid(to) != nullptr && !can_quantize(to);
}

// Of a block of the dtype whose blocks are larger. Sizes of blocks are powers of two.
size_t conversion_elements(const Conversion& conversion, Dtype to) {
  const size_t from = dtype_layout(conversion.from).block_elements;
  const size_t elements = dtype_layout(to).block_elements;
  return from > elements ? from : elements;
}

uint64_t conversion_unit(const Conversion& conversion, Dtype to) {
  return bytes_of_elements(to, conversion_elements(conversion, to));
}

bool converted_from(const Conversion& conversion, Dtype to, uint64_t result_bytes,
                    uint64_t* base_bytes) {
  const uint64_t unit = conversion_unit(conversion, to);
  const size_t elements = conversion_elements(conversion, to);
  return result_bytes % unit == 0 &&
         checked_mul(result_bytes / unit, bytes_of_elements(conversion.from, elements),
                     base_bytes);
}

void convert(const Conversion& conversion, Dtype to, ByteView base, ByteSpan result) {
  if (const uint8_t signs = sign_bits(conversion.from, to); signs != 0) {
    for (size_t i = 0; i < result.size(); ++i) result[i] = base[i] ^ signs;
    return;
  }
  uint32_t numbers[kConvertedElements];
  const DtypeLayout& layout = dtype_layout(to);
  const uint64_t total = result.size() / layout.block_bytes * layout.block_elements;
  const uint8_t* from = base.data();
  uint8_t* at = result.data();
  for (uint64_t done = 0; done < total;) {
    const uint64_t left = total - done;
    const auto count =
        static_cast<size_t>(left < kConvertedElements ? left : kConvertedElements);
    to_binary32(conversion, from, count, numbers);
    from_binary32(conversion, to, numbers, count, at);
    from += bytes_of_elements(conversion.from, count);
    at += bytes_of_elements(to, count);
    done += count;
  }
}

uint8_t conversion_to_byte(const Conversion& conversion) {
  const uint8_t rounding = conversion.rounding == Rounding::zero ? kToZero : uint8_t{0};
  return static_cast<uint8_t>(conversion.from) | rounding;
}

bool conversion_from_byte(uint8_t byte, Dtype to, Conversion* conversion) {
  const Conversion read = {static_cast<Dtype>(byte & ~kToZero),
                           (byte & kToZero) != 0 ? Rounding::zero : Rounding::nearest};
  if (!can_convert(read, to) && !has_lanes(read, to) && !has_weights(read, to))
    return false;
  *conversion = read;
  return true;
}

}  // namespace mallorn
