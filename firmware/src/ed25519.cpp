// mallorn_verify_ed25519: the port function that is our own verifier.
#include "firmware/src/ed25519.hpp"

#include "firmware/include/mallorn.h"
#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {
namespace {

using namespace formulas;

constexpr Element kOrder = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x1000,
};

// Runs a program: where it has stopped.
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
      field_add(out, a, static_cast<int32_t>(what) - 1, v.registers[b]);
    }
  }
}

[[gnu::noinline]] bool is_zero(Element a) {
  field_freeze(a);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(a);
  return bytes[0] == 0 && is_same(bytes, bytes + 1, sizeof(Element) - 1);
}

enum VerifierPhase : uint8_t {
  kHash,
  kRootPower,  // the power that the root of a point to be decoded is made from
  kDecoded,
  kLadder,  // S B - k A, from the highest bit down
  kInvertPower,
  kCompare,
};

constexpr unsigned kRounds = 6;  // of the ladder, in a step: 144 multiplications at most

// k = the digest, a number of 512 bits, modulo the order: bit by bit, from the highest.
void reduce_digest(Ed25519& v) {
  memset(v.k, 0, sizeof v.k);
  for (unsigned bit = 512; bit-- > 0;) {
    field_add(v.k, v.k, 1, v.k);
    // Words are most significant byte first, bytes of the number least significant first;
    // and the last word of the digest is the first.
    v.k[0] |= v.hash.state[(bit >> 5) ^ 14] >> ((bit ^ 24) & 31) & 1;
    reduce(v.k, kOrder);
  }
}

// Begins to decode the point whose encoding is in Y.
[[gnu::noinline]] int decode(Ed25519& v) {
  uint16_t* const y = v.registers[kY];
  v.sign = static_cast<uint8_t>(y[15] >> 15);
  y[15] &= 0x7fff;
  uint16_t* const constants = v.registers[kOne];  // and kM behind it
  memset(constants, 0, 2 * sizeof(Element));
  constants[0] = 1;
  constants[16] = static_cast<uint16_t>(kMValue);
  constants[17] = kMValue >> 16;
  v.phase = kRootPower;
  v.at = kDecompress;
  return is_below(y, kPrime) ? MALLORN_MORE : MALLORN_E_SIGNATURE;
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
    bytes[i ^ 3] = hashed_byte(check, v.hashed++);  // most significant byte first
  }
  const uint32_t length = 64 + check.message_length;
  const bool is_last = v.hashed > length + 16;
  if (is_last) {
    block[30] = length >> 29;
    block[31] = length << 3;
  }
  sha512_block(v.hash);
  if (!is_last) return MALLORN_MORE;
  reduce_digest(v);
  auto* const y = reinterpret_cast<uint8_t*>(v.registers[kY]);
  memset(y, 0x66, sizeof(Element));
  y[0] = 0x58;
  y[31] = 0xe6;
  return is_below(check.signature + 32, kOrder) ? decode(v) : MALLORN_E_SIGNATURE;
}

// The point that is to be added is the negative of the one that has been decoded.
int take_point(Ed25519& v, const uint8_t* key) {
  run(v, kRoot);
  if (!is_zero(v.registers[kB])) return MALLORN_E_SIGNATURE;
  uint16_t* const x = v.registers[kX];
  field_freeze(x);
  run(v, (x[0] & 1) == v.sign ? kNegate : kTake);
  if (!v.has_base) {
    v.has_base = true;
    memmove(v.registers[kBase], v.registers[kPoint], 4 * sizeof(Element));
    memmove(v.registers[kY], key, sizeof(Element));
    return decode(v);
  }
  // Eight times -A has x = 0 if A is of small order: also if x is 0, whatever its sign.
  // (Nothing but the identity can: points of order 2 are not eight times another.)
  for (unsigned i = 0; i < 3; ++i) run(v, kDouble);
  if (is_zero(x)) return MALLORN_E_SIGNATURE;
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
  for (unsigned rounds = kRounds; rounds > 0 && v.at > 0; --rounds) {
    --v.at;
    run(v, kDouble);
    add_if(v, kBase, s);
    add_if(v, kPoint, reinterpret_cast<const uint8_t*>(v.k));
  }
  if (v.at == 0) {
    run(v, kInvert);
    v.phase = kInvertPower;
    v.at = kPower;
  }
  return MALLORN_MORE;
}

// The sum, encoded, is R. As the sum has one encoding, R is compared with it as it stands.
int compare(Ed25519& v, const uint8_t* r) {
  uint16_t* const x = v.registers[kX];
  uint16_t* const y = v.registers[kY];
  run(v, kDivide);
  field_freeze(x);
  field_freeze(y);
  y[15] |= static_cast<uint16_t>(x[0] << 15);
  return is_same(reinterpret_cast<const uint8_t*>(y), r, sizeof(Element))
             ? MALLORN_DONE
             : MALLORN_E_SIGNATURE;
}

// At most 160 multiplications in the field, or a block of SHA-512.
int step(Ed25519& v, const mallorn_check& check) {
  const unsigned phase = v.phase;
  if (phase == kHash) return hash_on(v, check);
  if (phase == kDecoded) return take_point(v, check.key);
  if (phase == kLadder) return ladder(v, check.signature + 32);
  if (phase == kCompare) return compare(v, check.signature);
  const unsigned at = run(v, v.at);
  v.at = static_cast<uint8_t>(at);
  if (at == kRoot) v.phase = static_cast<uint8_t>(phase + 1);
  return MALLORN_MORE;
}

}  // namespace
}  // namespace mallorn::firmware

int mallorn_verify_ed25519(void* /*context*/, mallorn_check* check) {
  using namespace mallorn::firmware;
  if (check->scratch_size < sizeof(Ed25519)) return MALLORN_E_ARGUMENT;
  auto& v = *static_cast<Ed25519*>(check->scratch);
  if (check->is_begun != 0) return step(v, *check);
  v.phase = kHash;
  v.has_base = false;
  v.hashed = 0;
  sha512_start(v.hash);
  return MALLORN_MORE;
}
