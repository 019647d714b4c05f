#include "firmware/src/ed25519.hpp"

namespace mallorn::firmware {
namespace {

constexpr Element kOrder = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x1000,
};
constexpr Element kD = {
    0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070,
    0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203,
};
constexpr Element kTwoD = {
    0xf159, 0x26b2, 0x9b94, 0xebd6, 0xb156, 0x8283, 0x149a, 0x00e0,
    0xd130, 0xeef3, 0x80f2, 0x198e, 0xfce7, 0x56df, 0xd9dc, 0x2406,
};
constexpr Element kRootOfMinusOne = {
    0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43,
    0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83,
};
constexpr Element kOne = {1};
// The base point, to be added.
constexpr Element kBase[4] = {
    {
        0x913e,
        0xd740,
        0x3905,
        0x9d10,
        0xbeb3,
        0xd140,
        0x9f05,
        0xfd39,
        0x8a09,
        0x688f,
        0x8434,
        0xa5c1,
        0x1267,
        0x98f8,
        0x2f92,
        0x44fd,
    },
    {
        0x3b85,
        0xf58c,
        0x93c6,
        0x2fbc,
        0x0e19,
        0xfb8c,
        0x2dc6,
        0xcf93,
        0x42c2,
        0x643d,
        0x4898,
        0x270b,
        0xba65,
        0x33d4,
        0x9d3a,
        0x07cf,
    },
    {
        0xaa68,
        0x877a,
        0x1205,
        0xabc9,
        0xc49e,
        0xccaa,
        0xe823,
        0x26d9,
        0x598c,
        0xdd43,
        0x7dcb,
        0x5a1b,
        0x65a8,
        0x9f0c,
        0x7b68,
        0x6f11,
    },
    {2},
};

enum VerifierPhase : uint8_t {
  kDecompress,  // begin: y of A, and what its x is a root of
  kRootPower,   // the power that the root is made from
  kPrepare,     // -A and B - A
  kLadder,      // S B - k A, from the highest bit down
  kInvertPower,
  kCompare,
};

// point = 2 point (dbl of RFC 8032, 5.1.4).
void double_point(Ed25519& v, Element* point) {
  Element& a = v.temporary[0];
  Element& b = v.temporary[1];
  Element& x = point[0];
  Element& y = point[1];
  Element& z = point[2];
  Element& t = point[3];
  field_add(t, x, y);
  field_multiply(a, x, x);
  field_multiply(b, y, y);
  field_multiply(z, z, z);
  field_multiply(t, t, t);
  field_add(y, a, b);       // H
  field_subtract(x, y, t);  // E
  field_subtract(b, a, b);  // G
  field_add(a, z, z);       // C
  field_add(a, a, b);       // F
  field_multiply(z, a, b);  // F G
  field_multiply(t, x, y);  // E H
  field_multiply(y, b, y);  // G H
  field_multiply(x, x, a);  // E F
}

// The sum += other, in the form of a point to be added.
void add_point(Ed25519& v, const Element* other) {
  Element& a = v.temporary[0];
  Element& b = v.temporary[1];
  Element& x = v.sum()[0];
  Element& y = v.sum()[1];
  Element& z = v.sum()[2];
  Element& t = v.sum()[3];
  field_subtract(a, y, x);
  field_add(b, y, x);
  field_multiply(a, a, other[0]);
  field_multiply(b, b, other[1]);
  field_multiply(t, t, other[2]);  // C
  field_multiply(z, z, other[3]);  // D
  field_subtract(x, b, a);         // E
  field_add(b, b, a);              // H
  field_subtract(a, z, t);         // F
  field_add(y, z, t);              // G
  field_multiply(t, x, b);
  field_multiply(z, a, y);
  field_multiply(y, y, b);
  field_multiply(x, x, a);
}

void make_addable(const Element* point, Element* out) {
  field_subtract(out[0], point[1], point[0]);
  field_add(out[1], point[1], point[0]);
  field_multiply(out[2], point[3], kTwoD);
  field_add(out[3], point[2], point[2]);
}

// Eight times the point has x = 0. (Nothing but the identity can: points of order 2 are not
// eight times another.) Spoils it.
bool is_small_order(Ed25519& v, Element* point) {
  for (unsigned i = 0; i < 3; ++i) double_point(v, point);
  return field_is_zero(point[0]);
}

// Powers: the first element of minus_key() ^ (2^252 - 3), by way of 2^n - 1 for growing n.
// A step squares so many times what it has, and multiplies by what it had before, by the
// element itself, or by what it had five or fifty squarings up.
enum Factor : uint8_t { kBefore, kElement, kKept };
struct PowerStep {
  uint8_t squarings;
  uint8_t factor;
};
constexpr PowerStep kPowerSteps[] = {
    {1, kBefore},  {2, kBefore},   {1, kElement}, {5, kBefore},    // 2^2 - 1 .. 2^10 - 1
    {10, kBefore}, {20, kBefore},  {10, kKept},                    // 2^50 - 1
    {50, kBefore}, {100, kBefore}, {50, kKept},   {2, kElement}};  // 2^252 - 3
constexpr uint8_t kPowerStepCount = sizeof kPowerSteps / sizeof kPowerSteps[0];

struct Power {
  Element& element;
  Element& before;
  Element& kept;
  Element& value;
};

Power power_of(Ed25519& v) {
  return {v.minus_key()[0], v.minus_key()[1], v.minus_key()[2], v.minus_key()[3]};
}

void start_power(Ed25519& v) {
  const Power power = power_of(v);
  field_copy(power.value, power.element);
  v.at = 0;
}

// One step of a power; false once it is done.
bool step_power(Ed25519& v) {
  if (v.at == kPowerStepCount) return false;
  const Power power = power_of(v);
  const PowerStep step = kPowerSteps[v.at];
  field_copy(power.before, power.value);
  for (unsigned i = 0; i < step.squarings; ++i) {
    field_multiply(power.value, power.value, power.value);
  }
  const Element* const factors[] = {&power.before, &power.element, &power.kept};
  field_multiply(power.value, power.value, *factors[step.factor]);
  if (v.at == 3 || v.at == 6) field_copy(power.kept, power.value);
  ++v.at;
  return true;
}

// k = the digest, a number of 512 bits, modulo the order: bit by bit, from the highest.
void reduce_digest(Ed25519& v) {
  for (uint16_t& limb : v.k) limb = 0;
  for (unsigned bit = 512; bit-- > 0;) {
    // Words are most significant byte first, bytes of the number least significant first.
    const unsigned byte = bit >> 3;
    const uint64_t word = v.hash.state[byte >> 3];
    const auto half = static_cast<uint32_t>((byte & 4) != 0 ? word : word >> 32);
    uint32_t carry = half >> (24 - 8 * (byte & 3) + (bit & 7)) & 1;
    for (uint16_t& limb : v.k) {
      carry |= static_cast<uint32_t>(limb) << 1;
      limb = static_cast<uint16_t>(carry);
      carry >>= 16;
    }
    if (is_below(v.k, kOrder)) continue;
    uint32_t borrow = 0;
    for (unsigned i = 0; i < 16; ++i) {
      const uint32_t difference = v.k[i] - kOrder[i] - borrow;
      v.k[i] = static_cast<uint16_t>(difference);
      borrow = difference >> 31;
    }
  }
}

// The value at `place` of the key or R without the bit for x; false if it is not below p.
bool load_y(Element y, const uint8_t* bytes) {
  field_load(y, bytes);
  y[15] &= 0x7fff;
  Element frozen;
  field_copy(frozen, y);
  field_freeze(frozen);
  return !is_below(frozen, y);
}

// u = y^2 - 1 in sum[2], v = d y^2 + 1 in sum[3]; x is a root of u / v (RFC 8032, 5.1.3).
Ed25519Verdict decompress(Ed25519& v) {
  sha512_finish(v.hash);
  reduce_digest(v);
  Element& s = v.temporary[0];
  field_load(s, v.signature + 32);
  if (!is_below(s, kOrder) || !load_y(v.sum()[1], v.key)) return Ed25519Verdict::invalid;
  Element& a = v.temporary[0];
  field_multiply(a, v.sum()[1], v.sum()[1]);
  field_subtract(v.sum()[2], a, kOne);
  field_multiply(a, a, kD);
  field_add(v.sum()[3], a, kOne);
  // The power is of u v^7; u v^3 is kept in sum[0].
  field_multiply(a, v.sum()[3], v.sum()[3]);
  field_multiply(v.sum()[0], a, v.sum()[3]);
  field_multiply(v.sum()[0], v.sum()[0], v.sum()[2]);
  field_multiply(a, a, a);
  field_multiply(v.minus_key()[0], v.sum()[0], a);
  start_power(v);
  v.phase = kRootPower;
  return Ed25519Verdict::more;
}

// x = u v^3 (u v^7)^(2^252 - 3), perhaps times the root of -1; its sign that of -A.
bool find_root(Ed25519& v) {
  Element& x = v.sum()[0];
  Element& a = v.temporary[0];
  Element& b = v.temporary[1];
  field_multiply(x, x, power_of(v).value);
  field_multiply(a, x, x);
  field_multiply(a, a, v.sum()[3]);
  field_subtract(b, a, v.sum()[2]);
  if (!field_is_zero(b)) {
    field_add(b, a, v.sum()[2]);
    if (!field_is_zero(b)) return false;
    field_multiply(x, x, kRootOfMinusOne);
  }
  if (field_is_zero(x)) return false;  // of order 1 or 2, whatever its sign
  if ((x[0] & 1) == v.key[31] >> 7) {
    Element zero = {};
    field_subtract(x, zero, x);
  }
  return true;
}

Ed25519Verdict prepare(Ed25519& v) {
  if (!find_root(v)) return Ed25519Verdict::invalid;
  field_copy(v.sum()[2], kOne);
  field_multiply(v.sum()[3], v.sum()[0], v.sum()[1]);
  for (unsigned i = 0; i < 4; ++i) field_copy(v.base_minus_key()[i], v.sum()[i]);
  if (is_small_order(v, v.base_minus_key())) return Ed25519Verdict::invalid;
  make_addable(v.sum(), v.minus_key());
  add_point(v, kBase);
  make_addable(v.sum(), v.base_minus_key());
  for (unsigned i = 0; i < 4; ++i) {
    for (uint16_t& limb : v.sum()[i]) limb = 0;
  }
  v.sum()[1][0] = v.sum()[2][0] = 1;
  v.at = 253;  // bits of numbers below the order
  v.phase = kLadder;
  return Ed25519Verdict::more;
}

void ladder_round(Ed25519& v) {
  --v.at;
  double_point(v, v.sum());
  const bool has_base = (v.signature[32 + (v.at >> 3)] >> (v.at & 7) & 1) != 0;
  const bool has_key = (v.k[v.at >> 4] >> (v.at & 15) & 1) != 0;
  if (has_base && has_key) {
    add_point(v, v.base_minus_key());
  } else if (has_base) {
    add_point(v, kBase);
  } else if (has_key) {
    add_point(v, v.minus_key());
  }
}

Ed25519Verdict ladder(Ed25519& v) {
  for (unsigned rounds = 8; rounds > 0 && v.at > 0; --rounds) ladder_round(v);
  if (v.at > 0) return Ed25519Verdict::more;
  field_copy(v.minus_key()[0], v.sum()[2]);
  start_power(v);
  v.phase = kInvertPower;
  return Ed25519Verdict::more;
}

// The sum, encoded, is R. As the sum has one encoding, R is compared with it as it stands.
// 1 / Z = Z^(p - 2), and p - 2 = 8 (2^252 - 3) + 3.
Ed25519Verdict compare(Ed25519& v) {
  const Power power = power_of(v);
  for (unsigned i = 0; i < 3; ++i) field_multiply(power.value, power.value, power.value);
  for (unsigned i = 0; i < 3; ++i) {
    field_multiply(power.value, power.value, power.element);
  }
  field_multiply(v.sum()[0], v.sum()[0], power.value);
  field_multiply(v.sum()[1], v.sum()[1], power.value);
  field_freeze(v.sum()[0]);
  field_freeze(v.sum()[1]);
  v.sum()[1][15] |= static_cast<uint16_t>(v.sum()[0][0] << 15);
  Element& r = v.temporary[0];
  field_load(r, v.signature);
  const bool is_same = !is_below(r, v.sum()[1]) && !is_below(v.sum()[1], r);
  return is_same ? Ed25519Verdict::valid : Ed25519Verdict::invalid;
}

}  // namespace

void ed25519_start(Ed25519& v, const uint8_t* key, const uint8_t* signature) {
  v.key = key;
  v.signature = signature;
  v.phase = kDecompress;
  sha512_start(v.hash);
  sha512_update(v.hash, signature, 32);
  sha512_update(v.hash, key, 32);
}

void ed25519_update(Ed25519& v, const uint8_t* message, size_t length) {
  sha512_update(v.hash, message, length);
}

Ed25519Verdict ed25519_step(Ed25519& v) {
  switch (v.phase) {
    case kDecompress:
      return decompress(v);
    case kRootPower:
    case kInvertPower:
      if (!step_power(v)) ++v.phase;
      return Ed25519Verdict::more;
    case kPrepare:
      return prepare(v);
    case kLadder:
      return ladder(v);
    default:
      return compare(v);
  }
}

}  // namespace mallorn::firmware
