// SHA-256 (FIPS 180-4) in 136 bytes: the block is also the schedule.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mallorn::firmware {

constexpr unsigned kShaBlockAt = 9;
struct Sha256 {
  uint32_t state[8];
  uint32_t work[25];
  uint32_t length;  // bytes so far: below 2^32
};

void sha256_start(Sha256& hash);
void sha256_update(Sha256& hash, const uint8_t* bytes, size_t length);
// Writes 32 bytes. `hash` is spent afterwards.
void sha256_finish(Sha256& hash, uint8_t* digest);

}  // namespace mallorn::firmware
