// Functions of doubles that are the same on every machine.
#pragma once

#include <bit>
#include <cstdint>

namespace mallorn::pack {

// 2^exponent, exactly; exponent is that of a normal double.
inline double power_of_two(int64_t exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

// 1024 * log2 of a positive number, good to a tenth of a bit, less a constant.
inline int64_t rough_log2_1024(double number) {
  return std::bit_cast<int64_t>(number) >> 42;
}

}  // namespace mallorn::pack
