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
  uint32_t length;  // of the blocks so far: below 2^32
  uint32_t state[8];
  uint32_t constants[64];
};

void sha256_start(Sha256& hash);
// Takes the next block of a message of which `left` bytes have not been taken yet: that
// many bytes, kSha256Block at most, and what is to stand behind them. The block was the
// last one if is_last_sha256(left); of one that only has what is behind the message, `left`
// is 0 or less.
void sha256_block(Sha256& hash, const uint8_t* bytes, int32_t left);
// After the last block: 32 bytes.
void sha256_digest(const Sha256& hash, uint8_t* digest);

constexpr int32_t kSha256Block = 64;
constexpr bool is_last_sha256(int32_t left) { return left < kSha256Block - 8; }

}  // namespace mallorn::firmware
