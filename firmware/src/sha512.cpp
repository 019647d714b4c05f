#include "firmware/src/sha512.hpp"

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint32_t kInitialLow[8] = {
    0xf3bcc908, 0x84caa73b, 0xfe94f82b, 0x5f1d36f1,
    0xade682d1, 0x2b3e6c1f, 0xfb41bd6b, 0x137e2179,
};
constexpr uint32_t kRoundHighRest[16] = {
    0xca273ece, 0xd186b8c7, 0xeada7dd6, 0xf57d4f7f, 0x06f067aa, 0x0a637dc5,
    0x113f9804, 0x1b710b35, 0x28db77f5, 0x32caab7b, 0x3c9ebe0a, 0x431d67c4,
    0x4cc5d4be, 0x597f299c, 0x5fcb6fab, 0x6c44198c,
};
constexpr uint32_t kRoundLow[80] = {
    0xd728ae22, 0x23ef65cd, 0xec4d3b2f, 0x8189dbbc, 0xf348b538, 0xb605d019, 0xaf194f9b,
    0xda6d8118, 0xa3030242, 0x45706fbe, 0x4ee4b28c, 0xd5ffb4e2, 0xf27b896f, 0x3b1696b1,
    0x25c71235, 0xcf692694, 0x9ef14ad2, 0x384f25e3, 0x8b8cd5b5, 0x77ac9c65, 0x592b0275,
    0x6ea6e483, 0xbd41fbd4, 0x831153b5, 0xee66dfab, 0x2db43210, 0x98fb213f, 0xbeef0ee4,
    0x3da88fc2, 0x930aa725, 0xe003826f, 0x0a0e6e70, 0x46d22ffc, 0x5c26c926, 0x5ac42aed,
    0x9d95b3df, 0x8baf63de, 0x3c77b2a8, 0x47edaee6, 0x1482353b, 0x4cf10364, 0xbc423001,
    0xd0f89791, 0x0654be30, 0xd6ef5218, 0x5565a910, 0x5771202a, 0x32bbd1b8, 0xb8d2d0c8,
    0x5141ab53, 0xdf8eeb99, 0xe19b48a8, 0xc5c95a63, 0xe3418acb, 0x7763e373, 0xd6b2b8a3,
    0x5defb2fc, 0x43172f60, 0xa1f0ab72, 0x1a6439ec, 0x23631e28, 0xde82bde9, 0xb2c67915,
    0xe372532b, 0xea26619c, 0x21c0c207, 0xcde0eb1e, 0xee6ed178, 0x72176fba, 0xa2c898a6,
    0xbef90dae, 0x131c471b, 0x23047d84, 0x40c72493, 0x15c9bebc, 0x9c100d4c, 0xcb3e42b6,
    0xfc657e2a, 0x3ad6faec, 0x4a475817,
};

uint64_t join(uint32_t high, uint32_t low) {
  return static_cast<uint64_t>(high) << 32 | low;
}

uint64_t round_constant(unsigned i) {
  return join(i < 64 ? kShaRoundHigh[i] : kRoundHighRest[i - 64], kRoundLow[i]);
}

// Shifts of 64 bits would be calls of the compiler's library; halves are not. `count` is
// neither 0 nor 32 nor above 63. Where `fill` is 0 this is a shift, where it is ~0 a
// rotation.
uint64_t shift_right(uint64_t x, unsigned count, uint32_t fill) {
  auto high = static_cast<uint32_t>(x >> 32);
  auto low = static_cast<uint32_t>(x);
  if (count > 32) {
    const uint32_t kept = high;
    high = low & fill;
    low = kept;
    count -= 32;
  }
  return join(high >> count | ((low & fill) << (32 - count)),
              low >> count | high << (32 - count));
}

// Three rotations; of small sigma the third is a shift. One function for all four: counts
// cost less code than copies.
[[gnu::noinline]] uint64_t sigma(uint64_t x, unsigned first, unsigned second,
                                 unsigned third, uint32_t fill) {
  return shift_right(x, first, ~0u) ^ shift_right(x, second, ~0u) ^
         shift_right(x, third, fill);
}

uint64_t word(const Sha512& hash, unsigned i) {
  return join(hash.block[2 * (i & 15)], hash.block[2 * (i & 15) + 1]);
}

void extend_schedule(Sha512& hash, unsigned i) {
  const uint64_t sum = word(hash, i) + sigma(word(hash, i + 1), 1, 8, 7, 0) +
                       word(hash, i + 9) + sigma(word(hash, i + 14), 19, 61, 6, 0);
  hash.block[2 * (i & 15)] = static_cast<uint32_t>(sum >> 32);
  hash.block[2 * (i & 15) + 1] = static_cast<uint32_t>(sum);
}

// As of SHA-256: variable v of round i is in s[(v - i) & 7].
void compress(Sha512& hash) {
  uint64_t s[8];
  for (unsigned v = 0; v < 8; ++v) s[v] = hash.state[v];
  for (unsigned i = 0; i < 80; ++i) {
    if (i >= 16) extend_schedule(hash, i);
    const auto at = [&s, i](unsigned v) -> uint64_t& { return s[(v - i) & 7]; };
    const uint64_t e = at(4);
    const uint64_t a = at(0);
    const uint64_t t1 = at(7) + sigma(e, 14, 18, 41, ~0u) +
                        (at(6) ^ (e & (at(5) ^ at(6)))) + round_constant(i) + word(hash, i);
    at(3) += t1;
    at(7) = t1 + sigma(a, 28, 34, 39, ~0u) + ((a & at(1)) | (at(2) & (a | at(1))));
  }
  for (unsigned v = 0; v < 8; ++v) hash.state[v] += s[v];
}

void add_byte(Sha512& hash, uint8_t byte) {
  uint32_t& half = hash.block[hash.length >> 2 & 31];
  half = half << 8 | byte;
  ++hash.length;
  if ((hash.length & 127) == 0) compress(hash);
}

}  // namespace

void sha512_start(Sha512& hash) {
  for (unsigned v = 0; v < 8; ++v) hash.state[v] = join(kShaInitialHigh[v], kInitialLow[v]);
  hash.length = 0;
}

void sha512_update(Sha512& hash, const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; ++i) add_byte(hash, bytes[i]);
}

void sha512_finish(Sha512& hash) {
  const uint32_t length = hash.length;
  add_byte(hash, 0x80);
  while ((hash.length & 127) != 112) add_byte(hash, 0);
  for (unsigned i = 28; i < 31; ++i) hash.block[i] = 0;
  hash.block[30] = length >> 29;
  hash.block[31] = length << 3;
  compress(hash);
}

}  // namespace mallorn::firmware
