// Integers modulo p = 2^255 - 19, for ed25519.cpp.
//
// An element is 16 limbs of 16 bits, least significant first, so that a product of limbs
// fits in the one multiplication that all small processors have. It may have any value
// below 2^256; reduce() makes it the one below p. Time depends on values: they are all
// public.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mallorn::firmware {

using Element = uint16_t[16];

// a + b or a - b: sign is 1 or -1. Any operands may be the same element. Sums below 2^256
// and differences from 0 on are exact, not only modulo p.
void field_add(Element out, const Element a, const Element b, int32_t sign);
void field_multiply(Element out, const Element a, const Element b);
// Subtracts `modulus` until a is below it.
void reduce(Element a, const Element modulus);

// a < b as integers of 256 bits, least significant byte first, at any address.
bool is_below(const void* a, const void* b);

}  // namespace mallorn::firmware
