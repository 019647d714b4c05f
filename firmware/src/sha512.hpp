// SHA-512 (FIPS 180-4) for Ed25519: small before fast, and no arithmetic that needs a
// library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "firmware/src/sha256.hpp"
#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

// What is behind the first 32 bits of kShaInitialHigh.
extern const uint32_t kShaInitialLow[8];

constexpr unsigned kSha512Block = 128;
struct Sha512 {
  // h g f e d c b a, in halves, the low one first. After the last block that is the digest,
  // its last byte first.
  uint32_t state[16];
  uint32_t work[52];  // the state of a round, and behind it 16 words of the message
  ShaConstants constants;

  // Where the next block goes: each word of 64 bits as all are here.
  uint32_t* block() { return work + 18; }
};

// Called at one place.
inline void sha512_start(Sha512& hash) {
  for (unsigned v = 0; v < 8; ++v) {
    hash.state[2 * v] = kShaInitialLow[v];
    hash.state[2 * v + 1] = kShaInitialHigh[v];
  }
}
// Takes block(). What is behind the message is in the last ones.
void sha512_block(Sha512& hash);

}  // namespace mallorn::firmware
