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
unsigned run(Ed25519& v, unsigned at, const Element* table) {
  for (;;) {
    const unsigned code = kOperations[at++];
    if (code == kStop) return at;
    const auto operand = [&v, table](unsigned number) {
      return number < kGiven ? v.registers[number] : table[number - kGiven];
    };
    const uint16_t* const a = operand(code >> 5 & 31);
    const uint16_t* const b = operand(code & 31);
    uint16_t* const out = v.registers[code >> 10 & 15];
    const unsigned what = code >> 14;
    if (what == kAddition || what == kSubtraction) {
      field_add(out, a, what == kAddition ? Sign::plus : Sign::minus, b);
    } else if (what == kProduct) {
      field_multiply(out, a, b);
    } else {
      field_load(out, reinterpret_cast<const uint8_t*>(a));
      for (unsigned i = code & 31; i > 0; --i) field_multiply(out, out, out);
    }
  }
}

void run(Ed25519& v, unsigned at) { run(v, at, kConstants); }

enum VerifierPhase : uint8_t {
  kBegin,
  kRootPower,  // the power that the root is made from
  kPrepare,    // -A and B - A
  kLadder,     // S B - k A, from the highest bit down
  kInvertPower,
  kCompare,
};

void start_power(Ed25519& v, VerifierPhase phase) {
  v.phase = phase;
  v.at = kPower;
}

// k = the digest, a number of 512 bits, modulo the order: bit by bit, from the highest.
void reduce_digest(Ed25519& v) {
  for (uint16_t& limb : v.k) limb = 0;
  for (unsigned bit = 512; bit-- > 0;) {
    field_add(v.k, v.k, Sign::plus, v.k);
    // Words are most significant byte first, bytes of the number least significant first;
    // and the last word of the digest is the first.
    v.k[0] |= v.hash.state[(bit >> 5) ^ 14] >> ((bit ^ 24) & 31) & 1;
    if (!is_below(v.k, kOrder)) field_add(v.k, v.k, Sign::minus, kOrder);
  }
}

Ed25519Verdict begin(Ed25519& v) {
  sha512_finish(v.hash);
  reduce_digest(v);
  field_load(v.registers[kA], v.signature + 32);
  field_load(v.registers[kY], v.key);
  v.registers[kY][15] &= 0x7fff;
  if (!is_below(v.registers[kA], kOrder) || !is_below(v.registers[kY], kPrime)) {
    return Ed25519Verdict::invalid;
  }
  run(v, kDecompress);
  start_power(v, kRootPower);
  return Ed25519Verdict::more;
}

// x, its sign that of -A.
bool find_root(Ed25519& v) {
  run(v, kRoot);
  if (!field_is_zero(v.registers[kB])) {
    run(v, kOtherRoot);
    if (!field_is_zero(v.registers[kB])) return false;
  }
  if (field_is_zero(v.registers[kX])) return false;  // of order 1 or 2, whatever its sign
  if ((v.registers[kX][0] & 1) == v.key[31] >> 7) run(v, kNegate);
  return true;
}

Ed25519Verdict prepare(Ed25519& v) {
  if (!find_root(v)) return Ed25519Verdict::invalid;
  run(v, kKeyAndBase);
  run(v, kKeepBoth);
  // Eight times -A has x = 0 if A is of small order. (Nothing but the identity can: points
  // of order 2 are not eight times another.)
  run(v, kAdd, v.registers + kKey);
  for (unsigned i = 0; i < 3; ++i) run(v, kDouble);
  if (field_is_zero(v.registers[kX])) return Ed25519Verdict::invalid;
  run(v, kIdentity);
  v.at = 253;  // bits of numbers below the order
  v.phase = kLadder;
  return Ed25519Verdict::more;
}

// Of a number, least significant byte first.
unsigned bit_of(const uint8_t* bytes, unsigned at) {
  return bytes[at >> 3] >> (at & 7) & 1;
}

Ed25519Verdict ladder(Ed25519& v) {
  for (unsigned rounds = 8; rounds > 0 && v.at > 0; --rounds) {
    --v.at;
    run(v, kDouble);
    const Element* table = bit_of(v.signature + 32, v.at) != 0 ? kConstants : nullptr;
    if (bit_of(reinterpret_cast<const uint8_t*>(v.k), v.at) != 0) {
      table = v.registers + (table != nullptr ? kBoth : kKey);
    }
    if (table != nullptr) run(v, kAdd, table);
  }
  if (v.at == 0) {
    run(v, kInvert);
    start_power(v, kInvertPower);
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
  switch (v.phase) {
    case kBegin:
      return begin(v);
    case kPrepare:
      return prepare(v);
    case kLadder:
      return ladder(v);
    case kCompare:
      return compare(v);
    default:
      v.at = static_cast<uint8_t>(run(v, v.at, kConstants));
      if (v.at == kRoot) ++v.phase;
      return Ed25519Verdict::more;
  }
}

}  // namespace mallorn::firmware
