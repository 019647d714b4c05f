// SHA-512 (FIPS 180-4) for Ed25519: small before fast, and no arithmetic that needs a
// library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mallorn::firmware {

struct Sha512 {
  uint64_t state[8];  // after sha512_finish(): the digest, its words most significant first
  uint32_t block[32];  // also the schedule; halves of words, the high one first
  uint32_t length;     // bytes so far: below 2^32
};

void sha512_start(Sha512& hash);
void sha512_update(Sha512& hash, const uint8_t* bytes, size_t length);
void sha512_finish(Sha512& hash);

}  // namespace mallorn::firmware
