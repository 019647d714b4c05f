// SHA-512 (FIPS 180-4) for Ed25519: small before fast, and no arithmetic that needs a
// library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

struct Sha512 {
  // h g f e d c b a, in halves, the high one first. After sha512_finish() that is the
  // digest, its last word first.
  uint32_t state[16];
  uint32_t work[52];  // the state of a round, and behind it 16 words of the message
  uint32_t length;    // bytes so far: below 2^32
  ShaConstants constants;
};

void sha512_start(Sha512& hash);
void sha512_update(Sha512& hash, const uint8_t* bytes, size_t length);
void sha512_finish(Sha512& hash);

}  // namespace mallorn::firmware
