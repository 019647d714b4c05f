// Logarithms in whole numbers: estimates of costs must be the same on every machine, for
// what is chosen by them is in the patch.
#pragma once

#include <bit>
#include <cstdint>

namespace mallorn {

// 1024 * log2(value), rounded down; value > 0. One bit of the fraction for every squaring.
constexpr uint64_t log2_1024(uint64_t value) {
  const auto whole = static_cast<unsigned>(std::bit_width(value)) - 1;
  uint64_t part =
      whole >= 31 ? value >> (whole - 31) : value << (31 - whole);  // 1.31 fixed point
  uint64_t fraction = 0;
  for (int i = 0; i < 10; ++i) {
    part = part * part >> 31;
    const bool is_two = part >> 32 != 0;
    fraction = 2 * fraction + (is_two ? 1 : 0);
    part >>= is_two ? 1 : 0;
  }
  return 1024 * whole + fraction;
}

}  // namespace mallorn
