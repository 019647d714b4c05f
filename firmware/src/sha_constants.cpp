#include "firmware/src/sha_constants.hpp"

#include <string.h>

#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

constexpr unsigned kLimbs = ShaConstants::kLimbs;
// Where they begin.
constexpr unsigned kRestAt = 0;
constexpr unsigned kStepAt = kLimbs;
constexpr unsigned kRootAt = 2 * kLimbs;

// A number becomes so many times itself, and `factor` times what is one more than the
// number behind it: so many limbs of it. Below 0 if the sum is.
[[gnu::noinline]] int32_t combine(uint16_t* number, int32_t times, int32_t factor,
                                  unsigned limbs) {
  int32_t carry = factor;
  for (; limbs > 0; --limbs, ++number) {
    carry += number[0] * times + number[kLimbs] * factor;
    number[0] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  return carry;
}

// The next number that has no divisor below it but 1.
uint32_t next_prime(uint32_t number) {
  uint32_t divisor = 0;
  do {
    ++number;
    divisor = number;
    int32_t rest = 0;
    do {
      --divisor;
      rest = static_cast<int32_t>(number);
      do rest -= static_cast<int32_t>(divisor);
      while (rest > 0);
    } while (rest != 0);
  } while (divisor != 1);
  return number;
}

}  // namespace

// The root is made bit by bit: it is the integer part of that of prime 8^i. The rest is
// what its cube misses, and one more than the step is by how much the cube of the next
// integer is larger: the step is 3 root^2 + 3 root. Each stands before the number that
// changes it, the root less one; behind that are zeros.
uint32_t next_constant(ShaConstants& constants, uint32_t prime, unsigned bits) {
  uint16_t* const n = anchor(+constants.limbs);
  prime = next_prime(prime);
  memset(n, 0, sizeof constants.limbs);
  n[kRestAt] = static_cast<uint16_t>(prime - 1);
  n[kStepAt] = 6;
  constexpr unsigned kFirst = 13;
  for (unsigned i = kFirst;; ++i) {
    const unsigned limbs = i / 8;  // of 2 (i - kFirst) + 11 bits
    while (combine(n + kRestAt, 1, -1, limbs) >= 0) {
      ++n[kRootAt];
      combine(n + kStepAt, 1, 6, limbs);
    }
    if (i == bits + kFirst) return prime;
    // That was a step too far. Back, and on to twice the root.
    combine(n + kRestAt, 8, 8, limbs);
    combine(n + kStepAt, 4, -6, limbs);
    combine(n + kRootAt, 2, 1, limbs);
  }
}

}  // namespace mallorn::firmware
