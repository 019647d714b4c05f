// mallorn_verify_ed25519: the port function that is our own verifier.
#include "firmware/src/ed25519.hpp"

#include "firmware/include/mallorn.h"
#include "firmware/src/little_endian.hpp"
#include "libcommon/core/anchor.hpp"

namespace mallorn::firmware {
namespace {

using namespace formulas;

constexpr Element kOrder = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x1000,
};

// Runs a program: where it has stopped. All that it makes is below p.
unsigned run(Ed25519& v, unsigned at) {
  for (;;) {
    const unsigned code = kOperations[at++];
    if (code == kStop) return at;
    uint16_t* const out = v.registers[code >> 10 & 15];
    const uint16_t* const a = v.registers[code >> 5 & 15];
    unsigned b = code & 31;
    if ((code & kOfPoint) != 0) b += v.point;
    const unsigned what = code >> 14;
    if (what == kSquarings) {
      memmove(out, a, sizeof(Element));
      for (; b > 0; --b) field_multiply(out, out, out);
    } else if (what == kProduct) {
      field_multiply(out, a, v.registers[b]);
    } else {
      field_add(out, a, v.registers[b], static_cast<int32_t>(what) - 1);
    }
    reduce(out, v.registers[kPrime]);
  }
}

// Runs a program: 0 if T is 0 then.
[[gnu::noinline]] int run_for_t(Ed25519& v, unsigned at) {
  run(v, at);
  const auto* const bytes = anchor(reinterpret_cast<const uint8_t*>(v.registers[kT]));
  return bytes[0] | memcmp(bytes, bytes + 1, sizeof(Element) - 1);
}

enum VerifierPhase : uint8_t {
  kHash,
  kBase,    // decode the base point
  kKey,     // and the key
  kLadder,  // S B - k A, from the highest bit down
  kEncode,  // that, and compare it with R
};

// k = the digest, a number of 512 bits, modulo the order: bit by bit, from the highest.
void reduce_digest(Ed25519& v) {
  memset(v.k, 0, sizeof v.k);
  // The last byte of the digest is the first here.
  const auto* const bytes = anchor(reinterpret_cast<const uint8_t*>(v.hash.state));
  for (unsigned bit = 0; bit < 512; ++bit) {
    field_add(v.k, v.k, v.k, 1);
    v.k[0] |= bytes[bit >> 3] >> (~bit & 7) & 1;
    reduce(v.k, kOrder);
  }
}

// Begins to decode the point whose encoding is in Y.
[[gnu::noinline]] int decode(Ed25519& v) {
  uint16_t* const y = anchor(+v.registers[kY]);
  v.sign = static_cast<uint8_t>(y[15] >> 15);
  y[15] &= 0x7fff;
  uint16_t* const constants = anchor(+v.registers[kOne]);  // and kM behind it
  memset(constants, 0, 2 * sizeof(Element));
  constants[0] = 1;
  constants[16] = static_cast<uint16_t>(kMValue);
  constants[17] = kMValue >> 16;
  auto* const prime = anchor(reinterpret_cast<uint8_t*>(v.registers[kPrime]));
  memset(prime, 0xff, sizeof(Element));
  prime[0] = 0xed;
  prime[31] = 0x7f;
  v.at = kDecompress;
  return is_below(y, prime) ? MALLORN_MORE : MALLORN_E_SIGNATURE;
}

// What is hashed: R, A, the message, and what is to stand behind it, but for its length.
uint8_t hashed_byte(const mallorn_check& check, uint32_t at) {
  if (at < 32) return check.signature[at];
  at -= 32;
  if (at < 32) return check.key[at];
  at -= 32;
  if (at < check.message_length) return check.message[at];
  return at == check.message_length ? 0x80 : 0;
}

// The next block of it; the last one has the length. Then -B is decoded, so that B, as the
// negative of a key, is the base point: its y is 4 / 5.
int hash_on(Ed25519& v, const mallorn_check& check) {
  uint32_t* const block = v.hash.block();
  auto* const bytes = reinterpret_cast<uint8_t*>(block);
  for (unsigned i = 0; i < kSha512Block; ++i) {
    bytes[i ^ 7] = hashed_byte(check, v.hashed++);  // most significant byte first
  }
  const uint32_t length = 64 + check.message_length;
  const bool is_last = v.hashed > length + 16;
  if (is_last) {
    block[30] = length << 3;
    block[31] = length >> 29;
  }
  sha512_block(v.hash);
  // Asked again: else the last block would be a case of its own.
  if (v.hashed <= length + 16) return MALLORN_MORE;
  reduce_digest(v);
  auto* const y = anchor(reinterpret_cast<uint8_t*>(v.registers[kY]));
  memset(y, 0x66, sizeof(Element));
  y[0] = 0x58;
  y[31] = 0xe6;
  v.phase = kBase;
  return decode(v);
}

// The point that is to be added is the negative of the one that has been decoded.
int take_point(Ed25519& v, const uint8_t* key) {
  if (run_for_t(v, kRoot) != 0) return MALLORN_E_SIGNATURE;
  // Negated first, where the sign is that of the encoding.
  static_assert(kTake == kNegate + 1);
  run(v, kNegate + ((v.registers[kX][0] ^ v.sign) & 1));
  if (v.phase == kBase) {
    v.phase = kKey;
    memmove(v.registers[kBasePoint], v.registers[kPoint], 4 * sizeof(Element));
    memmove(v.registers[kY], key, sizeof(Element));
    return decode(v);
  }
  // Of the points whose order divides 4, and of no others, x y is 0; and twice -A is one if
  // A is of small order: also if x is 0, whatever its sign.
  if (run_for_t(v, kDouble) == 0) return MALLORN_E_SIGNATURE;
  run(v, kIdentity);
  v.at = 253;  // bits of numbers below the order
  v.phase = kLadder;
  return MALLORN_MORE;
}

// Adds the point that begins at that register, if a bit of the number is set.
[[gnu::noinline]] void add_if(Ed25519& v, unsigned point, const uint8_t* number) {
  v.point = static_cast<uint8_t>(point);
  if ((number[v.at >> 3] >> (v.at & 7) & 1) != 0) run(v, kAdd);
}

int ladder(Ed25519& v, const uint8_t* s) {
  --v.at;
  run(v, kDouble);
  add_if(v, kBasePoint, s);
  add_if(v, kPoint, reinterpret_cast<const uint8_t*>(v.k));
  if (v.at == 0) {
    v.phase = kEncode;
    v.at = kPower;
  }
  return MALLORN_MORE;
}

// The sum, encoded, is R. As the sum has one encoding, R is compared with it as it stands.
int compare(Ed25519& v, const uint8_t* r) {
  run(v, kDivide);
  uint16_t* const y = anchor(+v.registers[kY]);
  y[15] |= static_cast<uint16_t>(v.registers[kX][0] << 15);
  return is_same(reinterpret_cast<const uint8_t*>(y), r, sizeof(Element))
             ? MALLORN_DONE
             : MALLORN_E_SIGNATURE;
}

// At most 160 multiplications in the field, or a block of SHA-512.
int step(Ed25519& v, const mallorn_check& check) {
  const unsigned phase = v.phase;
  if (phase == kHash) return hash_on(v, check);
  if (phase == kLadder) return ladder(v, check.signature + 32);
  const unsigned at = run(v, v.at);
  v.at = static_cast<uint8_t>(at);
  if (at != kPowerEnd) return MALLORN_MORE;
  return phase == kEncode ? compare(v, check.signature) : take_point(v, check.key);
}

}  // namespace
}  // namespace mallorn::firmware

int mallorn_verify_ed25519(void* /*context*/, mallorn_check* check) {
  using namespace mallorn::firmware;
  if (check->scratch_size < sizeof(Ed25519)) return MALLORN_E_ARGUMENT;
  auto& v = *static_cast<Ed25519*>(check->scratch);
  if (check->is_begun != 0) return step(v, *check);
  v.phase = kHash;
  v.hashed = 0;
  sha512_start(v.hash);
  return is_below(check->signature + 32, kOrder) ? MALLORN_MORE : MALLORN_E_SIGNATURE;
}
