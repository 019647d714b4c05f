#include "firmware/src/ed25519.hpp"

#include "firmware/src/ed25519_formulas.hpp"
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
      field_add(out, a, what == kAddition ? Sign::plus : Sign::minus, v.registers[b]);
    }
  }
}

// Freezes it.
bool is_zero(Element a) {
  field_freeze(a);
  return is_below(a, kConstants[kOneOfAll]);
}

enum VerifierPhase : uint8_t {
  kBegin,
  kRootPower,  // the power that the root is made from
  kPrepare,    // -A
  kLadder,     // S B - k A, from the highest bit down
  kInvertPower,
  kCompare,
};

constexpr unsigned kRounds = 6;  // of the ladder, in a step: 144 multiplications at most

// k = the digest, a number of 512 bits, modulo the order: bit by bit, from the highest.
void reduce_digest(Ed25519& v) {
  memset(v.k, 0, sizeof v.k);
  for (unsigned bit = 512; bit-- > 0;) {
    field_add(v.k, v.k, Sign::plus, v.k);
    // Words are most significant byte first, bytes of the number least significant first;
    // and the last word of the digest is the first.
    v.k[0] |= v.hash.state[(bit >> 5) ^ 14] >> ((bit ^ 24) & 31) & 1;
    reduce(v.k, kOrder);
  }
}

Ed25519Verdict begin(Ed25519& v) {
  sha512_finish(v.hash);
  reduce_digest(v);
  uint16_t* const y = v.registers[kY];
  memmove(y, v.key, sizeof(Element));
  y[15] &= 0x7fff;
  if (!is_below(v.signature + 32, kOrder) || !is_below(y, kPrime)) {
    return Ed25519Verdict::invalid;
  }
  memmove(v.registers[kOne], kConstants[kConstantsOfDecoding], 3 * sizeof(Element));
  v.phase = kRootPower;
  v.at = kDecompress;
  return Ed25519Verdict::more;
}

Ed25519Verdict prepare(Ed25519& v) {
  run(v, kRoot);
  if (!is_zero(v.registers[kB])) {
    run(v, kOtherRoot);
    if (!is_zero(v.registers[kB])) return Ed25519Verdict::invalid;
  }
  uint16_t* const x = v.registers[kX];
  field_freeze(x);
  // Its sign becomes that of -A.
  run(v, (x[0] & 1) == v.key[31] >> 7 ? kNegate : kTakeKey);
  // Eight times -A has x = 0 if A is of small order: also if x is 0, whatever its sign.
  // (Nothing but the identity can: points of order 2 are not eight times another.)
  for (unsigned i = 0; i < 3; ++i) run(v, kDouble);
  if (is_zero(x)) return Ed25519Verdict::invalid;
  memmove(v.registers[kBase], kConstants[kConstantsOfLadder], 4 * sizeof(Element));
  run(v, kIdentity);
  v.at = 253;  // bits of numbers below the order
  v.phase = kLadder;
  return Ed25519Verdict::more;
}

// Adds the point that begins at that register, if a bit of the number is set.
void add_if(Ed25519& v, unsigned point, const uint8_t* number) {
  v.point = static_cast<uint8_t>(point);
  if ((number[v.at >> 3] >> (v.at & 7) & 1) != 0) run(v, kAdd);
}

Ed25519Verdict ladder(Ed25519& v) {
  for (unsigned rounds = kRounds; rounds > 0 && v.at > 0; --rounds) {
    --v.at;
    run(v, kDouble);
    add_if(v, kBase, v.signature + 32);
    add_if(v, kKey, reinterpret_cast<const uint8_t*>(v.k));
  }
  if (v.at == 0) {
    run(v, kInvert);
    v.phase = kInvertPower;
    v.at = kPower;
  }
  return Ed25519Verdict::more;
}

// The sum, encoded, is R. As the sum has one encoding, R is compared with it as it stands.
Ed25519Verdict compare(Ed25519& v) {
  uint16_t* const x = v.registers[kX];
  uint16_t* const y = v.registers[kY];
  run(v, kDivide);
  field_freeze(x);
  field_freeze(y);
  y[15] |= static_cast<uint16_t>(x[0] << 15);
  return is_same(reinterpret_cast<const uint8_t*>(y), v.signature, sizeof(Element))
             ? Ed25519Verdict::valid
             : Ed25519Verdict::invalid;
}

}  // namespace

void ed25519_start(Ed25519& v, const uint8_t* key, const uint8_t* signature) {
  v.key = key;
  v.signature = signature;
  v.phase = kBegin;
  sha512_start(v.hash);
  sha512_update(v.hash, signature, 32);
  sha512_update(v.hash, key, 32);
}

void ed25519_update(Ed25519& v, const uint8_t* message, size_t length) {
  sha512_update(v.hash, message, length);
}

Ed25519Verdict ed25519_step(Ed25519& v) {
  if (v.phase == kBegin) return begin(v);
  if (v.phase == kPrepare) return prepare(v);
  if (v.phase == kLadder) return ladder(v);
  if (v.phase == kCompare) return compare(v);
  v.at = static_cast<uint8_t>(run(v, v.at));
  if (v.at == kRoot) ++v.phase;
  return Ed25519Verdict::more;
}

}  // namespace mallorn::firmware
