#include "firmware/src/ed25519_field.hpp"

#include "firmware/src/little_endian.hpp"

namespace mallorn::firmware {

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are as bytes have them");

// out = a + factor b, 16 limbs of it: what is carried over. A limb, the product of two, and
// what is carried make 32 bits at most.
[[gnu::noinline]] uint32_t add_product(uint16_t* out, const uint16_t* a, uint32_t factor,
                                       const uint16_t* b) {
  uint32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += a[i] + factor * b[i];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  return carry;
}

// Adds 38 to a for each time that its sum went beyond 2^256, which is 38 modulo p; or takes
// it away, where the sum went below 0.
void fold(Element a, int32_t carry) {
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

bool is_below(const void* a, const void* b) {
  const auto* const left = static_cast<const uint8_t*>(a);
  const auto* const right = static_cast<const uint8_t*>(b);
  for (unsigned i = sizeof(Element); i-- > 0;) {
    if (left[i] != right[i]) return left[i] < right[i];
  }
  return false;
}

void field_add(Element out, const Element a, const Element b, int32_t sign) {
  int32_t carry = 0;
  for (unsigned i = 0; i < 16; ++i) {
    carry += a[i] + sign * b[i];
    out[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  fold(out, carry);
}

void field_multiply(Element out, const Element a, const Element b) {
  uint16_t product[32];
  memset(product, 0, sizeof product);
  for (unsigned i = 0; i < 16; ++i) {
    uint16_t* const row = product + i;
    row[16] = static_cast<uint16_t>(add_product(row, row, a[i], b));
  }
  fold(out, static_cast<int32_t>(add_product(out, product, 38, product + 16)));
}

void reduce(Element a, const Element modulus) {
  while (!is_below(a, modulus)) field_add(a, a, modulus, -1);
}

}  // namespace mallorn::firmware
