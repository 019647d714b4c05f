#include "mallorn-apply/core/lite_range.hpp"

namespace mallorn::apply {

void LiteRange::begin() {
  range_ = 0xFFFFFFFFu;
  for (int i = 0; i < 4; ++i) code_ = code_ << 8 | byte();
}

uint32_t LiteRange::read_bit(uint32_t model) {
  LiteBit& at = models_[model];
  const uint32_t bound = (range_ >> 16) * at.probability();
  const uint32_t bit = code_ < bound ? 1 : 0;
  if (bit != 0) {
    range_ = bound;
  } else {
    range_ -= bound;
    code_ -= bound;
  }
  normalize();
  at.update(bit);
  return bit;
}

uint32_t LiteRange::read_raw(uint32_t count) {
  uint32_t bits = 0;
  for (; count > 0; --count) {
    range_ >>= 1;
    const uint32_t bit = code_ >= range_ ? 1 : 0;
    if (bit != 0) code_ -= range_;
    bits = 2 * bits + bit;
    normalize();
  }
  return bits;
}

void LiteRange::normalize() {
  while (range_ < 1u << 24) {
    range_ <<= 8;
    code_ = code_ << 8 | byte();
  }
}

}  // namespace mallorn::apply
