#include "firmware/src/sha256.hpp"

#include "firmware/src/little_endian.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {

namespace {

uint32_t rotate_right(uint32_t x, unsigned count) { return x >> count | x << (32 - count); }

// A word of four bytes; compilers find that devices have an instruction for it.
uint32_t most_significant_first(uint32_t x) {
  return x >> 24 | (x >> 8 & 0xff00) | (x & 0xff00) << 8 | x << 24;
}

// The exclusive or of x turned by both counts.
uint32_t sigma(uint32_t x, unsigned first, unsigned second) {
  return rotate_right(x ^ rotate_right(x, second - first), first);
}

uint32_t sigma(uint32_t x, unsigned first, unsigned second, unsigned third) {
  return rotate_right(x ^ sigma(x, second - first, third - first), first);
}

}  // namespace

void sha256_start(Sha256& hash) {
  uint32_t* const work = anchor(+hash.work);
  auto& making = *reinterpret_cast<ShaConstants*>(work);
  hash.length = 0;
  uint32_t prime = 1;
  for (uint32_t* k = hash.constants; k != work; ++k) {
    prime = next_constant(making, prime, 32);
    *k = load_word(making.root_less_one()) + 1;
  }
  memmove(work + 25, kShaInitialHigh, sizeof hash.state);
}

// Words are moved in each round: that costs less code than places that turn.
void sha256_block(Sha256& hash, int32_t left) {
  uint32_t* const s = anchor(+hash.work);  // h g f e d c b a; the next one
  uint32_t* const w = s + 9;               // 16 words of the schedule
  uint32_t* const state = s + 25;
  uint8_t byte = 0x80;
  // Where that is before the block, it is overwritten next.
  for (int32_t i = left; i < kSha256Block; ++i) {
    reinterpret_cast<uint8_t*>(w)[i] = byte;
    byte = 0;
  }
  memmove(s, state, sizeof hash.state);
  for (unsigned v = 0; v < 16; ++v) w[v] = most_significant_first(w[v]);
  if (is_last_sha256(left)) {
    const uint32_t length = hash.length + static_cast<uint32_t>(left);
    w[14] = length >> 29;
    w[15] = length << 3;
  }
  hash.length += kSha256Block;
  for (const uint32_t* k = hash.constants; k != s; ++k) {
    const uint32_t t =
        s[0] + sigma(s[3], 6, 11, 25) + (s[1] ^ (s[3] & (s[2] ^ s[1]))) + *k + w[0];
    s[4] += t;
    s[8] = t + sigma(s[7], 2, 13, 22) + (s[7] ^ ((s[7] ^ s[6]) & (s[7] ^ s[5])));
    const uint32_t next = w[0] + (sigma(w[1], 7, 18) ^ w[1] >> 3) + w[9] +
                          (sigma(w[14], 17, 19) ^ w[14] >> 10);
    for (unsigned v = 0; v < 24; ++v) s[v] = s[v + 1];
    w[15] = next;
  }
  for (unsigned v = 0; v < 8; ++v) state[v] += s[v];
}

// It is a b c and so on, most significant bytes first: all of the state turned round.
const uint8_t* sha256_digest(Sha256& hash) {
  uint8_t* const digest = anchor(hash.block());
  const auto* const bytes = digest + 64;
  for (unsigned i = 0; i < 32; ++i) digest[i] = bytes[31 - i];
  return digest;
}

}  // namespace mallorn::firmware
