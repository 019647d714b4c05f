// SHA-256 (FIPS 180-4) in 392 bytes: the block is also the schedule, and constants are not
// kept in flash, but computed whenever a hash is begun.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

// h first, as states have them; SHA-512 begins with them, too.
extern const uint32_t kShaInitialHigh[8];

// Constants end where the work begins.
struct Sha256 {
  uint32_t length;  // of the blocks so far: below 2^32
  uint32_t constants[64];
  union {
    uint32_t work[25];    // the state of a round, and behind it 16 words of the message
    ShaConstants making;  // at first
  };
  uint32_t state[8];

  // Where the next block goes. It is spoiled by taking it.
  uint8_t* block() { return reinterpret_cast<uint8_t*>(work + 9); }
};

void sha256_start(Sha256& hash);
// Takes block(), of a message of which `left` bytes have not been taken yet: that many
// bytes, kSha256Block at most, and puts what is to stand behind them. The block was the
// last one if is_last_sha256(left); of one that only has what is behind the message, `left`
// is 0 or less.
void sha256_block(Sha256& hash, int32_t left);
// After the last block: the digest, 32 bytes, in place of it.
const uint8_t* sha256_digest(Sha256& hash);

constexpr int32_t kSha256Block = 64;
constexpr bool is_last_sha256(int32_t left) { return left < kSha256Block - 8; }

}  // namespace mallorn::firmware
