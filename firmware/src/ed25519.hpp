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

// Their numbers are those of mallorn.h.
enum class Ed25519Verdict : int8_t { invalid = -15, valid = 0, more = 1 };

// Small fields first: small processors reach them with short instructions.
struct Ed25519 {
  uint8_t phase;
  uint8_t at;     // within a phase
  uint8_t point;  // where the one to be added begins, in the registers
  const uint8_t* key;
  const uint8_t* signature;
  Element k;  // SHA-512(R, A, message) modulo the order of the group
  union {
    Element registers[14];  // ed25519.cpp says what is in them
    Sha512 hash;            // at first
  };
};

void ed25519_start(Ed25519& v, const uint8_t* key, const uint8_t* signature);
void ed25519_update(Ed25519& v, const uint8_t* message, size_t length);
// At most 160 multiplications in the field: about 0.6 million instructions of a Cortex-M0.
Ed25519Verdict ed25519_step(Ed25519& v);

}  // namespace mallorn::firmware
