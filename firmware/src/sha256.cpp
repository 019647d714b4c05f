#include "firmware/src/sha256.hpp"

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {

const uint32_t kShaInitialHigh[8] = {
    0x5be0cd19, 0x1f83d9ab, 0x9b05688c, 0x510e527f,
    0xa54ff53a, 0x3c6ef372, 0xbb67ae85, 0x6a09e667,
};

namespace {

uint32_t rotate_right(uint32_t x, unsigned count) { return x >> count | x << (32 - count); }

// The exclusive or of x turned by three counts: of the differences of these.
uint32_t sigma(uint32_t x, unsigned first, unsigned second, unsigned third) {
  const uint32_t last = x ^ rotate_right(x, third - second);
  return rotate_right(x ^ rotate_right(last, second - first), first);
}

}  // namespace

void sha256_start(Sha256& hash) {
  copy_bytes(reinterpret_cast<uint8_t*>(hash.state),
             reinterpret_cast<const uint8_t*>(kShaInitialHigh), sizeof hash.state);
  hash.length = 0;
  uint32_t prime = 1;
  for (uint32_t& constant : hash.constants) {
    prime = next_constant(hash.making, prime, 32);
    constant = load_word(hash.making.root());
  }
}

// Words are moved in each round: that costs less code than places that turn.
void sha256_block(Sha256& hash, const uint8_t* bytes, int32_t left) {
  uint32_t* const s = hash.work;        // h g f e d c b a; the next one
  uint32_t* const w = s + kShaBlockAt;  // 16 words of the schedule
  memmove(s, hash.state, sizeof hash.state);
  auto* const block = reinterpret_cast<uint8_t*>(w);
  for (int32_t i = kSha256Block; i-- > 0;) {
    uint32_t byte = i == left ? 0x80 : 0;
    if (i < left) byte = bytes[i];
    block[i ^ 3] = static_cast<uint8_t>(byte);  // most significant byte first
  }
  if (is_last_sha256(left)) {
    const uint32_t length = hash.length + static_cast<uint32_t>(left);
    w[14] = length >> 29;
    w[15] = length << 3;
  }
  hash.length += kSha256Block;
  for (const uint32_t* k = hash.constants; k != hash.constants + 64; ++k) {
    const uint32_t t =
        s[0] + sigma(s[3], 6, 11, 25) + (s[1] ^ (s[3] & (s[2] ^ s[1]))) + *k + w[0];
    s[4] += t;
    s[8] = t + sigma(s[7], 2, 13, 22) + (s[7] ^ ((s[7] ^ s[6]) & (s[7] ^ s[5])));
    const uint32_t next =
        w[0] + (rotate_right(w[1], 7) ^ rotate_right(w[1], 18) ^ w[1] >> 3) + w[9] +
        (rotate_right(w[14], 17) ^ rotate_right(w[14], 19) ^ w[14] >> 10);
    for (unsigned v = 0; v < 24; ++v) s[v] = s[v + 1];
    w[15] = next;
  }
  for (unsigned v = 0; v < 8; ++v) hash.state[v] += s[v];
}

// It is a b c and so on, most significant bytes first: all of the state turned round.
void sha256_digest(const Sha256& hash, uint8_t* digest) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(hash.state);
  for (unsigned i = 0; i < 32; ++i) digest[i] = bytes[31 - i];
}

}  // namespace mallorn::firmware
