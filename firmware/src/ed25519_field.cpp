#include "firmware/src/ed25519_field.hpp"

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {

const Element kPrime = {0xffed, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
                        0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x7fff};

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are loaded as they are");

// Adds 38 to a for each time that its sum went beyond 2^256, which is 38 modulo p.
void add_carry(Element a, uint32_t carry) {
  while (carry != 0) {
    carry *= 38;
    for (unsigned i = 0; i < 16; ++i) {
      carry += a[i];
      a[i] = static_cast<uint16_t>(carry);
      carry >>= 16;
    }
  }
}

}  // namespace

void field_load(Element out, const uint8_t* bytes) {
  copy_bytes(reinterpret_cast<uint8_t*>(out), bytes, sizeof(Element));
}

bool is_below(const Element a, const Element b) {
  unsigned i = 15;
  while (i > 0 && a[i] == b[i]) --i;
  return a[i] < b[i];
}

// The complement of x is 2^256 - 1 - x, which is 37 - x modulo p; so a - b is the
// complement of that of a, plus b.
void field_add(Element out, const Element a, Sign sign, const Element b) {
  const auto mask = static_cast<uint16_t>(sign);
  uint32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += static_cast<uint32_t>(a[i] ^ mask) + b[i];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  add_carry(out, carry);
  for (unsigned i = 0; i < 16; ++i) out[i] ^= mask;
}

// Row by row: what is added to a limb, and the limb, and the carry make 32 bits at most.
void field_multiply(Element out, const Element a, const Element b) {
  uint16_t product[32];
  for (uint16_t& limb : product) limb = 0;
  for (unsigned i = 0; i < 16; ++i) {
    uint16_t* const row = product + i;
    const uint32_t factor = a[i];
    uint32_t carry = 0;
    for (unsigned j = 0; j < 16; ++j) {
      carry += row[j] + factor * b[j];
      row[j] = static_cast<uint16_t>(carry);
      carry >>= 16;
    }
    row[16] = static_cast<uint16_t>(carry);
  }
  uint32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += product[i] + 38u * product[i + 16];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  add_carry(out, carry);
}

void field_freeze(Element a) {
  while (!is_below(a, kPrime)) field_add(a, a, Sign::minus, kPrime);
}

bool field_is_zero(Element a) {
  field_freeze(a);
  uint32_t bits = 0;
  for (unsigned i = 0; i < 16; ++i) bits |= a[i];
  return bits == 0;
}

}  // namespace mallorn::firmware
