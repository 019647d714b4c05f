#include "firmware/src/ed25519_field.hpp"

namespace mallorn::firmware {
namespace {

constexpr Element kPrime = {0xffed, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
                            0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x7fff};

// Adds `carry` to a, and 38 for each time that this goes beyond 2^256, which is 38 modulo
// p.
void add_carry(Element a, uint32_t carry) {
  while (carry != 0) {
    for (unsigned i = 0; i < 16 && carry != 0; ++i) {
      carry += a[i];
      a[i] = static_cast<uint16_t>(carry);
      carry >>= 16;
    }
    carry *= 38;
  }
}

}  // namespace

void field_copy(Element out, const Element a) {
  for (unsigned i = 0; i < 16; ++i) out[i] = a[i];
}

void field_load(Element out, const uint8_t* bytes) {
  for (unsigned i = 0; i < 16; ++i) {
    out[i] = static_cast<uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
  }
}

bool is_below(const Element a, const Element b) {
  for (unsigned i = 16; i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return false;
}

void field_add(Element out, const Element a, const Element b) {
  uint32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += static_cast<uint32_t>(a[i]) + b[i];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  add_carry(out, carry * 38);
}

// a - b is a + (2^256 - 1 - b) + 1 - 2^256; and 1 - 2^256 is -37 modulo p.
void field_subtract(Element out, const Element a, const Element b) {
  uint32_t carry = 1;
  for (unsigned i = 0; i < 16; ++i) {
    carry += static_cast<uint32_t>(a[i]) + static_cast<uint16_t>(~b[i]);
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  // Without a carry the difference is below zero and 2^256 too large: 38 are to be taken
  // away.
  while (carry == 0) {
    uint32_t borrow = 38;
    for (unsigned i = 0; i < 16 && borrow != 0; ++i) {
      const uint32_t difference = out[i] - borrow;
      out[i] = static_cast<uint16_t>(difference);
      borrow = difference >> 31;
    }
    carry = 1 - borrow;
  }
}

// Columns of the product in turn. The sum of one has up to 37 bits: `high` counts carries.
void field_multiply(Element out, const Element a, const Element b) {
  uint16_t product[32];
  uint32_t low = 0;
  uint32_t high = 0;
  for (unsigned column = 0; column < 31; ++column) {
    const unsigned first = column < 16 ? 0 : column - 15;
    const unsigned last = column < 16 ? column : 15;
    for (unsigned i = first; i <= last; ++i) {
      const uint32_t partial = static_cast<uint32_t>(a[i]) * b[column - i];
      low += partial;
      high += low < partial;
    }
    product[column] = static_cast<uint16_t>(low);
    low = low >> 16 | high << 16;
    high >>= 16;
  }
  product[31] = static_cast<uint16_t>(low);
  uint32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += product[i] + 38u * product[i + 16];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  add_carry(out, carry * 38);
}

void field_freeze(Element a) {
  while (!is_below(a, kPrime)) field_subtract(a, a, kPrime);
}

bool field_is_zero(Element a) {
  field_freeze(a);
  for (unsigned i = 0; i < 16; ++i) {
    if (a[i] != 0) return false;
  }
  return true;
}

}  // namespace mallorn::firmware
