// Constants that SHA-256 and SHA-512 share: those of SHA-256 are the high halves of those
// of SHA-512 (FIPS 180-4, 4.2 and 5.3). Those of rounds are the first bits of the fractions
// of the cube roots of the first primes, and are computed: a table would cost a device 640
// bytes of code.
#pragma once

#include <stdint.h>

namespace mallorn::firmware {

// Room to compute them in: four numbers of ten limbs of 16 bits, least significant first.
struct ShaConstants {
  static constexpr unsigned kLimbs = 10;
  alignas(uint32_t) uint16_t limbs[4 * kLimbs];

  // The constant, less one, is at its beginning, aligned as a word.
  uint16_t* root_less_one() { return limbs + 2 * kLimbs; }
};

// Computes the first `bits` bits, 32 or 64, of the constant of a round, given the prime of
// the round before, or 1. Returns its prime.
uint32_t next_constant(ShaConstants& constants, uint32_t prime, unsigned bits);

}  // namespace mallorn::firmware
