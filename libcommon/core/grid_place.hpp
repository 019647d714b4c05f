// Where a float of the base lies on a grid, in 4096ths of what is between two of its points
// (docs/format/grid.md, "Places"). Integers only.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/f32_arithmetic.hpp"

namespace mallorn {

// Beyond all grids, so that sums and products have room.
constexpr int32_t kFarPlace = 1 << 24;

// The multiples of a scale.
class ScaleGrid {
 public:
  ScaleGrid() = default;
  explicit ScaleGrid(uint32_t scale) : scale_(f32_parts(scale)) {
    if (scale_.significand == 0 || !f32_is_finite(scale)) return;
    const int32_t up = std::countl_zero(scale_.significand) - 40;  // to 24 bits
    const uint64_t divisor = scale_.significand << up;
    inverse_ = ((uint64_t{1} << 48) + divisor / 2) / divisor;
    exponent_ = scale_.exponent - up;
  }

  [[gnu::always_inline]] int32_t place(uint32_t bits) const {
    const F32Parts x = f32_parts(bits);
    const uint64_t product = x.significand * inverse_;  // below 2^50
    const int32_t down = 36 + exponent_ - x.exponent;
    uint64_t size = 0;
    if (down >= 1) {
      size = down > 51 ? 0 : (product + (uint64_t{1} << (down - 1))) >> down;
    } else if (product != 0) {
      size = kFarPlace;
    }
    if (size > kFarPlace) size = kFarPlace;
    const auto number = static_cast<int32_t>(size);
    return (x.sign ^ scale_.sign) != 0 ? -number : number;
  }

  // The float that `code` stands for; zero is given its sign.
  [[gnu::always_inline]] uint32_t point(int32_t code) const {
    const uint32_t sign = code < 0 ? kF32Sign : 0;
    const auto size = static_cast<uint64_t>(code < 0 ? -code : code);
    return f32_rounded(sign ^ scale_.sign, size * scale_.significand, scale_.exponent);
  }

 private:
  F32Parts scale_{};
  uint64_t inverse_ = 0;  // of the significand, times 2^48; 0: everything lies at 0
  int32_t exponent_ = 0;
};

constexpr uint32_t kMaxCodebook = 256;

// Floats in ascending order, as numbers of fixed point.
class Codebook {
 public:
  uint32_t count() const { return count_; }
  uint32_t entry(uint32_t i) const { return entries_[i]; }

  void clear() { count_ = 0; }
  // False if `bits` is no finite float above those there are. (-0 is below 0.)
  [[nodiscard]] bool add(uint32_t bits) {
    if (!f32_is_finite(bits) || count_ == kMaxCodebook) return false;
    if (count_ > 0 && order_of(bits) <= order_of(entries_[count_ - 1])) return false;
    entries_[count_++] = bits;
    return true;
  }
  // When all are there.
  void finish() {
    unit_ = -149;
    for (const uint32_t end : {entries_[0], entries_[count_ - 1]}) {
      const int32_t exponent = f32_parts(end).exponent;
      unit_ = exponent > unit_ ? exponent : unit_;
    }
    for (uint32_t i = 0; i < count_; ++i) fixed_[i] = fixed(entries_[i]);
  }

  // From 0 for the first entry; what lies beyond the ends is no further off than they are.
  int32_t place(uint32_t bits) const {
    if (count_ < 2) return 0;
    const int64_t number = fixed(bits);
    uint32_t low = 0;
    for (uint32_t high = count_ - 1; high - low > 1;) {
      const uint32_t middle = (low + high) / 2;
      (fixed_[middle] <= number ? low : high) = middle;
    }
    const int64_t from = fixed_[low];
    const int64_t gap = fixed_[low + 1] > from ? fixed_[low + 1] - from : 1;
    const int64_t steps = number - from;
    if (steps < 0) return 0;
    const int64_t part = steps >= gap ? 4096 : steps * 4096 / gap;
    return static_cast<int32_t>(low) * 4096 + static_cast<int32_t>(part);
  }

  static int32_t order_of(uint32_t bits) {
    return static_cast<int32_t>((bits & kF32Sign) != 0 ? ~(bits & ~kF32Sign) : bits);
  }

 private:
  // In units of 2^(unit_ - 16).
  int64_t fixed(uint32_t bits) const {
    constexpr int32_t kRoom = 20;
    const F32Parts x = f32_parts(bits);
    const int32_t up = x.exponent - unit_ + 16;
    const auto size =
        static_cast<int64_t>(up >= 0    ? x.significand << (up < kRoom ? up : kRoom)
                             : up > -24 ? x.significand >> -up
                                        : 0);
    return x.sign != 0 ? -size : size;
  }

  uint32_t count_ = 0;
  std::array<uint32_t, kMaxCodebook> entries_{};
  std::array<int64_t, kMaxCodebook> fixed_{};
  int32_t unit_ = 0;
};

}  // namespace mallorn
