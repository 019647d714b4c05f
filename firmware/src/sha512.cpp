#include "firmware/src/sha512.hpp"

#include "firmware/src/little_endian.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {

const uint32_t kShaInitialLow[8] = {
    0x137e2179, 0xfb41bd6b, 0x2b3e6c1f, 0xade682d1,
    0x5f1d36f1, 0xfe94f82b, 0x84caa73b, 0xf3bcc908,
};

namespace {

// Words are halves in memory: the low one first. Copies of these functions would cost more
// code than calls; and they return the word, so that it stays where the next one wants it.
// word += low, high.
[[gnu::noinline]] uint32_t* add(uint32_t* word, uint32_t low, uint32_t high) {
  word[0] += low;
  word[1] += high + (word[0] < low ? 1 : 0);
  return word;
}

[[gnu::noinline]] uint32_t* add(uint32_t* word, const uint32_t* other) {
  return add(word, other[0], other[1]);
}

// Adds to `word` the sum of the bits of `of`, turned three times to the right; `counts` has
// how far in its lowest bytes, neither 0 nor 32. With kIsShift the last one is a shift.
constexpr uint32_t kIsShift = 0x80;
uint32_t* add_sigma(uint32_t* word, const uint32_t* of, uint32_t counts) {
  uint32_t high_sum = 0;
  uint32_t low_sum = 0;
  for (; counts != 0; counts >>= 8) {
    uint32_t low = of[0];
    uint32_t high = of[1];
    if ((counts & 32) != 0) {
      low = high;
      high = of[0];
    }
    const uint32_t count = counts & 31;
    high_sum ^= high >> count;
    low_sum ^= low >> count | high << (32 - count);
    if ((counts & kIsShift) == 0) high_sum ^= low << (32 - count);
  }
  return add(word, low_sum, high_sum);
}

// As in FIPS 180-4, of one half of the words.
uint32_t choice(const uint32_t* s) { return s[2] ^ (s[6] & (s[4] ^ s[2])); }
uint32_t majority(const uint32_t* s) { return s[14] ^ ((s[14] ^ s[12]) & (s[14] ^ s[10])); }

}  // namespace

// Words are moved in each round, and changed where they are: that costs less code than
// places that turn, and than numbers of 64 bits.
void sha512_block(Sha512& hash) {
  uint32_t* const s = anchor(+hash.work);  // h g f e d c b a; the next one
  uint32_t* const w = s + 18;              // 16 words of the schedule; the next one
  memmove(s, hash.state, sizeof hash.state);
  uint32_t prime = 1;
  for (unsigned i = 0; i < 80; ++i) {
    prime = next_constant(hash.constants, prime, 64);
    // Of no constant the lower half is 0: so one more than it carries nothing over.
    const uint16_t* const less_one = hash.constants.root_less_one();
    uint32_t* t = add(s, load_word(less_one) + 1, load_word(less_one + 2));
    t = add(t, w);
    t = add(t, choice(s), choice(s + 1));
    t = add_sigma(t, s + 6, 0x29120e);
    add(s + 8, t);
    t = add(t, majority(s), majority(s + 1));
    t = add_sigma(t, s + 14, 0x27221c);
    s[16] = t[0];
    s[17] = t[1];
    t = add(w, w + 18);
    t = add_sigma(t, w + 2, 0x070801 | kIsShift << 16);
    t = add_sigma(t, w + 28, 0x063d13 | kIsShift << 16);
    memmove(w + 32, t, 8);
    memmove(s, s + 2, sizeof hash.work - 8);
  }
  for (unsigned i = 0; i < 16; i += 2) add(hash.state + i, s + i);
}

}  // namespace mallorn::firmware
