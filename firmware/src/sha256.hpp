// SHA-256 (FIPS 180-4) in 392 bytes: the block is also the schedule, and constants are not
// kept in flash, but computed whenever a hash is begun.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

// h first, as states have them; SHA-512 begins with them, too.
extern const uint32_t kShaInitialHigh[8];

constexpr unsigned kShaBlockAt = 9;
// What is reached by name is at the beginning: small processors have short instructions for
// it.
struct Sha256 {
  union {
    uint32_t work[25];
    ShaConstants making;  // at first
  };
  uint32_t length;  // bytes so far: below 2^32
  uint32_t state[8];
  uint32_t constants[64];
};

void sha256_start(Sha256& hash);
void sha256_update(Sha256& hash, const uint8_t* bytes, size_t length);
// Writes 32 bytes. `hash` is spent afterwards.
void sha256_finish(Sha256& hash, uint8_t* digest);

}  // namespace mallorn::firmware
