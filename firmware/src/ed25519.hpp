// Verification of Ed25519 signatures (RFC 8032, 5.1.7), and of nothing that is not strictly
// one:
//
// - S is below the order of the group;
// - the key A is a point in its only encoding, and so is R;
// - A is not of small order: such a key fits signatures of any message;
// - the equation is that without the cofactor, S B = R + k A.
//
// The work is done in small slices, so that a watchdog can be fed in between, and in the
// memory of one Ed25519, which is free again once the verdict is known.
//
//   ed25519_start(v, key, signature)      both must stay where they are
//   ed25519_update(v, message, length)    as often as there are pieces of the message
//   while ((verdict = ed25519_step(v)) == Ed25519Verdict::more) feed_watchdog();
#pragma once

#include "firmware/src/ed25519_field.hpp"
#include "firmware/src/sha512.hpp"

namespace mallorn::firmware {

enum class Ed25519Verdict : uint8_t { more, valid, invalid };

struct Ed25519 {
  // A point is X Y Z T with x = X / Z, y = Y / Z, T = X Y / Z. One to be added is kept as
  // Y - X, Y + X, 2 d T, 2 Z.
  union {
    Element point[12];
    Sha512 hash;  // at first
  };
  Element temporary[2];
  Element k;  // SHA-512(R, A, message) modulo the order of the group
  const uint8_t* key;
  const uint8_t* signature;
  uint8_t phase;
  uint8_t at;  // within a phase

  Element* sum() { return point; }            // the point that is being computed
  Element* minus_key() { return point + 4; }  // -A, to be added; powers before and after
  Element* base_minus_key() { return point + 8; }  // B - A, to be added
};

void ed25519_start(Ed25519& v, const uint8_t* key, const uint8_t* signature);
void ed25519_update(Ed25519& v, const uint8_t* message, size_t length);
// At most 160 multiplications in the field: about 0.6 million instructions of a Cortex-M0.
Ed25519Verdict ed25519_step(Ed25519& v);

}  // namespace mallorn::firmware
