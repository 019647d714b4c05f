// What mallorn_verify_ed25519() keeps while it checks a signature (RFC 8032, 5.1.7), in
// small slices, so that a watchdog can be fed in between. It takes nothing that is not
// strictly one:
//
// - S is below the order of the group;
// - the key A is a point in its only encoding, and so is R;
// - A is not of small order: such a key fits signatures of any message;
// - the equation is that without the cofactor, S B = R + k A.
#pragma once

#include "firmware/src/ed25519_formulas.hpp"
#include "firmware/src/sha512.hpp"

namespace mallorn::firmware {

// Small fields first: small processors reach them with short instructions.
struct Ed25519 {
  uint8_t phase;
  uint8_t at;       // within a phase
  uint8_t point;    // where the one to be added begins, in the registers
  uint8_t sign;     // of x of the point that is being decoded
  uint32_t hashed;  // bytes
  Element k;        // SHA-512(R, A, message) modulo the order of the group
  union {
    Element registers[formulas::kRegisters];
    Sha512 hash;  // at first
  };
};

}  // namespace mallorn::firmware
