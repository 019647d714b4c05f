// In place of firmware/src/sha256.cpp, which is written to be short: in simulations half of
// the time went there. The test of resuming
// takes patches of mallorn-pack with it.
#include "firmware/sim/sha_rounds.hpp"
#include "firmware/src/little_endian.hpp"
#include "firmware/src/sha256.hpp"

namespace mallorn::firmware {

namespace {

uint32_t rotate_right(uint32_t x, unsigned count) { return x >> count | x << (32 - count); }

}  // namespace

void sha256_start(Sha256& hash) {
  copy_bytes(reinterpret_cast<uint8_t*>(hash.state),
             reinterpret_cast<const uint8_t*>(kShaInitialHigh), sizeof hash.state);
  hash.length = 0;
}

void sha256_block(Sha256& hash, int32_t left) {
  uint32_t schedule[64] = {};
  for (int32_t i = 0; i < kSha256Block; ++i) {
    const uint32_t byte = i < left ? hash.block()[i] : i == left ? 0x80 : 0;
    schedule[i / 4] = schedule[i / 4] << 8 | byte;
  }
  if (is_last_sha256(left)) {
    const uint32_t length = hash.length + static_cast<uint32_t>(left);
    schedule[14] = length >> 29;
    schedule[15] = length << 3;
  }
  hash.length += kSha256Block;
  for (unsigned i = 16; i < 64; ++i) {
    const uint32_t early = schedule[i - 15];
    const uint32_t late = schedule[i - 2];
    schedule[i] = schedule[i - 16] + schedule[i - 7] +
                  (rotate_right(early, 7) ^ rotate_right(early, 18) ^ early >> 3) +
                  (rotate_right(late, 17) ^ rotate_right(late, 19) ^ late >> 10);
  }
  auto [h, g, f, e, d, c, b, a] = hash.state;
  for (unsigned i = 0; i < 64; ++i) {
    const uint32_t t = h +
                       (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                       (g ^ (e & (f ^ g))) + schedule[i] +
                       static_cast<uint32_t>(sim::kShaRounds[i].constant >> 32);
    const uint32_t u = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
                       ((a & b) | (c & (a | b)));
    h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
  }
  const uint32_t added[8] = {h, g, f, e, d, c, b, a};
  for (unsigned v = 0; v < 8; ++v) hash.state[v] += added[v];
}

const uint8_t* sha256_digest(Sha256& hash) {
  uint8_t* const digest = hash.block();
  for (unsigned i = 0; i < 32; ++i) {
    digest[i] = static_cast<uint8_t>(hash.state[7 - i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace mallorn::firmware
