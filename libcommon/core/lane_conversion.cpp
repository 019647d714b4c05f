#include "libcommon/core/lane_conversion.hpp"

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/f32_arithmetic.hpp"

namespace mallorn {
namespace {

constexpr uint64_t kMaxRun = uint64_t{1} << 40;
constexpr uint32_t k127 = 0x42FE0000;

constexpr uint8_t kIsDerived = 1;
constexpr uint8_t kHasInverse = 2;
constexpr uint8_t kIsEven = 4;

bool is_codes(Dtype dtype) { return dtype == Dtype::i8 || dtype == Dtype::u8; }

// Calls visit(begin, count) for the elements of a lane, of `elements` there are, some at a
// time.
template <typename Visit>
void for_each_part(const LaneGrid& grid, uint64_t elements, uint32_t lane, Visit visit) {
  for (uint64_t run = lane;; run += grid.lanes) {
    const uint64_t from = run * grid.run;
    uint64_t at = from > grid.first ? from - grid.first : 0;
    if (at >= elements) return;
    const uint64_t behind = from + grid.run - grid.first;  // first is below run
    const uint64_t end = behind < elements ? behind : elements;
    while (at < end) {
      const uint64_t count = end - at < kConvertedElements ? end - at : kConvertedElements;
      visit(static_cast<size_t>(at), static_cast<size_t>(count));
      at += count;
    }
  }
}

uint32_t given_scale(const LaneGrid& grid, uint32_t lane) {
  return load_le<uint32_t>(grid.scales.data() + size_t{lane} * sizeof(uint32_t));
}

// The whole number nearest to a binary32; of two, as the grid says. What is far beyond
// codes is some number beyond them.
int32_t whole(uint32_t number, bool is_even) {
  constexpr int32_t kFar = 1 << 16;
  int32_t size = kFar;
  if (f32_is_finite(number)) {
    const F32Parts parts = f32_parts(number);
    const int32_t down = -parts.exponent;
    if (down > 25) {
      size = 0;
    } else if (down > 7) {  // else it is at least 2^16
      const uint64_t half = uint64_t{1} << (down - 1);
      const uint64_t sum = parts.significand + half;
      size = static_cast<int32_t>(sum >> down);
      if (is_even && (sum & (2 * half - 1)) == 0) size &= ~1;
    }
  }
  if (size > kFar) size = kFar;
  return (number & kF32Sign) != 0 ? -size : size;
}

class Quantizer {
 public:
  Quantizer(const LaneGrid& grid, Dtype to)
      : grid_(grid), low_(to == Dtype::i8 ? -128 : 0) {}

  void set_scale(uint32_t scale) {
    scale_ = grid_.has_inverse ? f32_quotient(kF32One, scale) : scale;
  }
  uint8_t code(uint32_t number) const {
    const uint32_t steps =
        grid_.has_inverse ? f32_product(number, scale_) : f32_quotient(number, scale_);
    const int32_t code = whole(steps, grid_.is_even) + grid_.zero;
    const int32_t high = low_ + 255;
    return static_cast<uint8_t>(code < low_ ? low_ : code > high ? high : code);
  }

 private:
  const LaneGrid& grid_;
  int32_t low_;
  uint32_t scale_ = 0;
};

void quantize(const Conversion& conversion, const LaneGrid& grid, Dtype to, ByteView base,
              ByteSpan result) {
  const size_t size = dtype_layout(conversion.from).block_bytes;
  Quantizer quantizer(grid, to);
  uint32_t numbers[kConvertedElements];
  for (uint32_t lane = 0; lane < grid.lanes; ++lane) {
    quantizer.set_scale(grid.is_derived ? derived_scale(conversion, grid, lane, base)
                                        : given_scale(grid, lane));
    for_each_part(grid, result.size(), lane, [&](size_t at, size_t count) {
      to_binary32(conversion, base.data() + at * size, count, numbers);
      for (size_t i = 0; i < count; ++i) result[at + i] = quantizer.code(numbers[i]);
    });
  }
}

void dequantize(const Conversion& conversion, const LaneGrid& grid, Dtype to, ByteView base,
                ByteSpan result) {
  const size_t size = dtype_layout(to).block_bytes;
  uint32_t numbers[kConvertedElements];
  for (uint32_t lane = 0; lane < grid.lanes; ++lane) {
    const uint32_t scale = given_scale(grid, lane);
    for_each_part(grid, base.size(), lane, [&](size_t at, size_t count) {
      for (size_t i = 0; i < count; ++i) {
        const uint8_t byte = base[at + i];
        const int32_t code =
            (conversion.from == Dtype::i8 ? static_cast<int8_t>(byte) : int32_t{byte}) -
            grid.zero;
        const uint32_t number = f32_rounded(
            code < 0 ? kF32Sign : 0, static_cast<uint64_t>(code < 0 ? -code : code), 0);
        numbers[i] = f32_product(number, scale);
      }
      from_binary32(conversion, to, numbers, count, result.data() + at * size);
    });
  }
}

}  // namespace

bool has_lanes(const Conversion& conversion, Dtype to) {
  return conversion.rounding == Rounding::nearest &&
         ((is_codes(conversion.from) && is_plain_float(to)) ||
          (is_plain_float(conversion.from) && is_codes(to)));
}

void write_lane_grid(const LaneGrid& grid, ByteWriter& writer) {
  writer.u8(static_cast<uint8_t>((grid.is_derived ? kIsDerived : 0) |
                                 (grid.has_inverse ? kHasInverse : 0) |
                                 (grid.is_even ? kIsEven : 0)));
  writer.varint(grid.first);
  writer.varint(grid.run);
  writer.varint(grid.lanes);
  writer.varint(zigzag(static_cast<uint64_t>(int64_t{grid.zero})));
  if (!grid.is_derived) writer.bytes(grid.scales);
}

bool read_lane_grid(ByteReader& reader, const Conversion& conversion, Dtype to,
                    LaneGrid* grid) {
  const uint8_t flags = reader.u8();
  const uint8_t most =
      is_codes(to) ? uint8_t{kIsDerived | kHasInverse | kIsEven} : uint8_t{0};
  if (!has_lanes(conversion, to) || flags > most) return false;
  grid->is_derived = (flags & kIsDerived) != 0;
  grid->has_inverse = (flags & kHasInverse) != 0;
  grid->is_even = (flags & kIsEven) != 0;
  grid->first = reader.varint();
  grid->run = reader.varint();
  const uint64_t lanes = reader.varint();
  const auto zero = static_cast<int64_t>(unzigzag(reader.varint()));
  if (!reader.ok() || grid->run == 0 || grid->run > kMaxRun || grid->first >= grid->run ||
      lanes == 0 || lanes > kMaxLanes || zero < -128 || zero > 255) {
    return false;
  }
  grid->lanes = static_cast<uint32_t>(lanes);
  grid->zero = static_cast<int32_t>(zero);
  grid->scales = reader.bytes(grid->is_derived ? 0 : lanes * sizeof(uint32_t));
  return reader.ok();
}

void convert_lanes(const Conversion& conversion, const LaneGrid& grid, Dtype to,
                   ByteView base, ByteSpan result) {
  if (is_codes(to)) return quantize(conversion, grid, to, base, result);
  dequantize(conversion, grid, to, base, result);
}

uint32_t derived_scale(const Conversion& conversion, const LaneGrid& grid, uint32_t lane,
                       ByteView base) {
  const size_t size = dtype_layout(conversion.from).block_bytes;
  uint32_t numbers[kConvertedElements];
  uint32_t most = 0;
  for_each_part(grid, base.size() / size, lane, [&](size_t at, size_t count) {
    to_binary32(conversion, base.data() + at * size, count, numbers);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t magnitude = numbers[i] & ~kF32Sign;
      if (magnitude > most) most = magnitude;
    }
  });
  return f32_quotient(most, k127);
}

}  // namespace mallorn
