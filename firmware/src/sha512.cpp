#include "firmware/src/sha512.hpp"

#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {
namespace {

constexpr uint32_t kInitialLow[8] = {
    0x137e2179, 0xfb41bd6b, 0x2b3e6c1f, 0xade682d1,
    0x5f1d36f1, 0xfe94f82b, 0x84caa73b, 0xf3bcc908,
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

// Words are halves in memory: the high one first. Copies of these functions would cost more
// code than calls. word += high, low.
[[gnu::noinline]] void add(uint32_t* word, uint32_t high, uint32_t low) {
  word[1] += low;
  word[0] += high + (word[1] < low ? 1 : 0);
}

[[gnu::noinline]] void add(uint32_t* word, const uint32_t* other) {
  add(word, other[0], other[1]);
}

// Adds to `word` the sum of the bits of `of`, turned three times to the right; `counts` has
// how far in its lowest bytes, neither 0 nor 32. With kIsShift the last one is a shift.
constexpr uint32_t kIsShift = 0x80;
void add_sigma(uint32_t* word, const uint32_t* of, uint32_t counts) {
  uint32_t high_sum = 0;
  uint32_t low_sum = 0;
  for (; counts != 0; counts >>= 8) {
    const uint32_t half = counts >> 5 & 1;
    const uint32_t high = of[half];
    const uint32_t low = of[half ^ 1];
    const uint32_t count = counts & 31;
    high_sum ^= high >> count;
    low_sum ^= low >> count | high << (32 - count);
    if ((counts & kIsShift) == 0) high_sum ^= low << (32 - count);
  }
  add(word, high_sum, low_sum);
}

// Moves words on by one; the first becomes the last.
[[gnu::noinline]] void turn(uint32_t* words, unsigned count) {
  const uint32_t high = words[0];
  const uint32_t low = words[1];
  for (unsigned i = 2 * count - 2; i > 0; --i, ++words) words[0] = words[2];
  words[0] = high;
  words[1] = low;
}

// As in FIPS 180-4, of one half of the words.
uint32_t choice(const uint32_t* s) { return s[2] ^ (s[6] & (s[4] ^ s[2])); }
[[gnu::noinline]] uint32_t majority(const uint32_t* s) {
  return (s[14] & s[12]) | (s[10] & (s[14] | s[12]));
}

// Words are moved in each round, and changed where they are: that costs less code than
// places that turn, and than numbers of 64 bits.
void compress(Sha512& hash) {
  uint32_t* const s = hash.work;  // h g f e d c b a
  uint32_t* const w = hash.work + 16;
  for (unsigned i = 0; i < 16; ++i) s[i] = hash.state[i];
  for (unsigned i = 0; i < 80; ++i) {
    add(s, w);
    add(s, i < 64 ? kShaRoundHigh[i] : kRoundHighRest[i - 64], kRoundLow[i]);
    add(s, choice(s), choice(s + 1));
    add_sigma(s, s + 6, 0x29120e);
    add(s + 8, s);
    add(s, majority(s), majority(s + 1));
    add_sigma(s, s + 14, 0x27221c);
    add(w, w + 18);
    add_sigma(w, w + 2, 0x070801 | kIsShift << 16);
    add_sigma(w, w + 28, 0x063d13 | kIsShift << 16);
    turn(w, 16);
    turn(s, 8);
  }
  for (unsigned i = 0; i < 16; i += 2) add(hash.state + i, s + i);
}

void add_byte(Sha512& hash, uint8_t byte) {
  uint32_t& half = hash.work[16 + (hash.length >> 2 & 31)];
  half = half << 8 | byte;
  ++hash.length;
  if ((hash.length & 127) == 0) compress(hash);
}

}  // namespace

void sha512_start(Sha512& hash) {
  for (unsigned v = 0; v < 8; ++v) {
    hash.state[2 * v] = kShaInitialHigh[v];
    hash.state[2 * v + 1] = kInitialLow[v];
  }
  hash.length = 0;
}

void sha512_update(Sha512& hash, const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; ++i) add_byte(hash, bytes[i]);
}

void sha512_finish(Sha512& hash) {
  const uint32_t length = hash.length;
  add_byte(hash, 0x80);
  // The length has 16 bytes, of which eight are not needed.
  for (unsigned zeros = ((111 - length) & 127) + 8; zeros > 0; --zeros) add_byte(hash, 0);
  hash.work[46] = length >> 29;
  hash.work[47] = length << 3;
  compress(hash);
}

}  // namespace mallorn::firmware
