// Adaptive models of single bits and of whole numbers, shared letter for letter by encoder
// and decoder (docs/format/structure.md, "Bits" and "Numbers").
//
// A coder is anything with `uint32_t code(uint32_t p16, uint32_t bit)`: p16 is the
// probability of a one, of 65536; and, for bits that are as likely zero as one, with
// `uint32_t code_bits(uint32_t bits, uint32_t count)`, count from 1 to 16. An encoder
// writes `bit` and returns it; a decoder ignores it and returns the bit it reads. Code
// templated over the coder is therefore one text for both directions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace mallorn {

// Puts a model back into the state in which it begins, in place: models are too large for
// the stack.
template <typename Model>
void start_anew(Model* model) {
  new (model) Model();
}

// floor(65536 / (n + 1.5)) for n = 0..255: how far a model that has seen n bits moves.
constexpr std::array<uint16_t, 256> make_rates() {
  std::array<uint16_t, 256> rates{};
  for (uint32_t n = 0; n < 256; ++n) rates[n] = static_cast<uint16_t>(131072 / (2 * n + 3));
  return rates;
}
inline constexpr std::array<uint16_t, 256> kRates = make_rates();

// One probability with a count: fast while it knows little, slow when it knows much.
struct BitModel {
  uint16_t p16 = 32768;
  uint16_t count = 0;

  uint32_t probability() const { return p16 < 32 ? 32u : p16 > 65504 ? 65504u : p16; }

  void update(uint32_t bit, uint32_t limit) {
    const int32_t target = bit != 0 ? 65535 : 0;
    p16 = static_cast<uint16_t>(p16 + (((target - p16) * kRates[count]) >> 16));
    if (count < limit) ++count;
  }

  template <typename Coder>
  uint32_t code(Coder& coder, uint32_t bit, uint32_t limit = 30) {
    bit = coder.code(probability(), bit);
    update(bit, limit);
    return bit;
  }
};

// A symbol of `Bits` bits by a binary tree, most significant bit first.
template <unsigned Bits>
struct TreeModel {
  std::array<BitModel, size_t{1} << Bits> nodes{};

  template <typename Coder>
  uint32_t code(Coder& coder, uint32_t symbol, uint32_t limit = 30) {
    uint32_t node = 1;
    for (unsigned i = Bits; i-- > 0;) {
      node = 2 * node + nodes[node].code(coder, (symbol >> i) & 1u, limit);
    }
    return node - (1u << Bits);
  }
};

// A number of up to 63 bits: its length by a tree, the six bits below the leading one
// modelled for that length, the rest as they are.
struct NumberModel {
  TreeModel<6> length;
  static constexpr uint32_t kTopNodes = 64;
  std::array<std::array<BitModel, kTopNodes>, 64> top{};

  template <typename Coder>
  uint64_t code(Coder& coder, uint64_t number) {
    uint32_t bits = 0;
    while (bits < 63 && (number >> bits) != 0) ++bits;
    bits = length.code(coder, bits);
    if (bits <= 1) return bits;
    uint64_t value = 1;
    uint32_t node = 1;
    for (uint32_t i = bits - 1; i-- > 0;) {
      uint32_t bit = static_cast<uint32_t>(number >> i) & 1u;
      if (node < kTopNodes) {
        bit = top[bits][node].code(coder, bit);
        node = 2 * node + bit;
      } else {
        bit = coder.code(32768, bit);
      }
      value = 2 * value + bit;
    }
    return value;
  }
};

}  // namespace mallorn
