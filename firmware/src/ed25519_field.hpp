// Integers modulo p = 2^255 - 19, and points of edwards25519 made of them, for ed25519.cpp.
//
// An element is 16 limbs of 16 bits, least significant first, so that a product of limbs
// fits in the one multiplication that all small processors have. It may have any value
// below 2^256; field_freeze() makes it the one below p. Time depends on values: they are
// all public.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mallorn::firmware {

using Element = uint16_t[16];

// Any operands may be the same element.
void field_add(Element out, const Element a, const Element b);
void field_subtract(Element out, const Element a, const Element b);
void field_multiply(Element out, const Element a, const Element b);
void field_copy(Element out, const Element a);
void field_freeze(Element a);
// Freezes `a`.
bool field_is_zero(Element a);

// 256 bits, least significant byte first.
void field_load(Element out, const uint8_t* bytes);
// a < b as integers of 256 bits.
bool is_below(const Element a, const Element b);

}  // namespace mallorn::firmware
