// SHA-512 (FIPS 180-4) for Ed25519: small before fast, and no arithmetic that needs a
// library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

constexpr unsigned kSha512Block = 128;
struct Sha512 {
  // h g f e d c b a, in halves, the high one first. After the last block that is the
  // digest, its last word first.
  uint32_t state[16];
  uint32_t work[52];  // the state of a round, and behind it 16 words of the message
  ShaConstants constants;

  // Where the next block goes: each word of it most significant byte first.
  uint32_t* block() { return work + 18; }
};

void sha512_start(Sha512& hash);
// Takes block(). What is behind the message is in the last ones.
void sha512_block(Sha512& hash);

}  // namespace mallorn::firmware
