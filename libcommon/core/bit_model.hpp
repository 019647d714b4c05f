// Adaptive models of single bits and of whole numbers, shared letter for letter by encoder
// and decoder (docs/format/structure.md, "Bits" and "Numbers").
//
// A coder is anything with `uint32_t code(uint32_t p16, uint32_t bit)`: p16 is the
// probability of a one, of 65536; and, for bits as they are, with
// `uint32_t code_bits(uint32_t bits, uint32_t count)`, count up to 32. An encoder
// writes `bit` and returns it; a decoder ignores it and returns the bit it reads. Code
// templated over the coder is therefore one text for both directions. `code_fine()` is
// `code()` with a probability of 2^22, for a FineBitModel. A coder may have
// `code_part()`, the same as `code()` where no branch shall depend on the bit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace mallorn {

// A coder for a loop: a copy that goes back to where it came from. What calls pass around
// is in memory, a copy that no call gets is in registers. Only coders that are small
// (kIsSmall) are copied.
template <typename Coder>
class Held {
 public:
  explicit Held(Coder& home) : home_(home) {}
  Coder& coder() { return home_; }

 private:
  Coder& home_;
};

template <typename Coder>
requires(Coder::kIsSmall) class Held<Coder> {
 public:
  explicit Held(Coder& home) : home_(home), copy_(home) {}
  ~Held() { home_ = copy_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  Coder& coder() { return copy_; }

 private:
  Coder& home_;
  Coder copy_;
};

// Puts a model back into the state in which it begins, in place: models are too large for
// the stack. Without `()`, which would make all of it zero first.
template <typename Model>
void start_anew(Model* model) {
  new (model) Model;
}

// floor(65536 / (n + 1.5)) for n = 0..1023: how far a model that has seen n bits moves.
constexpr std::array<uint16_t, 1024> make_rates() {
  std::array<uint16_t, 1024> rates{};
  for (uint32_t n = 0; n < rates.size(); ++n) {
    rates[n] = static_cast<uint16_t>(131072 / (2 * n + 3));
  }
  return rates;
}
inline constexpr std::array<uint16_t, 1024> kRates = make_rates();

// One probability with a count: fast while it knows little, slow when it knows much. Both
// are one number, so that each is one load and one store.
class BitModel {
 public:
  static constexpr uint32_t kLeast = 32;  // probability
  static constexpr uint32_t kMost = 65504;

  constexpr BitModel() = default;
  // If a bit is coded with it, `p16` is within these bounds.
  constexpr BitModel(uint32_t p16, uint32_t count) : state_(p16 << 16 | count) {}

  // Stays within the bounds, so that neither bit is ever impossible: zeros move it towards
  // kLeast, never beyond; and near 65535 what is left times a rate is below one, for all
  // limits in use (30 and more).
  constexpr uint32_t probability() const { return state_ >> 16; }
  constexpr uint32_t count() const { return state_ & 0xFFFF; }

  // Without branches.
  [[gnu::always_inline]] void update(uint32_t bit, uint32_t limit) {
    const uint32_t target = kLeast + ((0u - bit) & (65535u - kLeast));
    // Modulo 2^32, and rounded down whichever way it moves: the count stays out of it.
    const uint32_t move = (target - probability()) * kRates[count()];
    state_ += (move & 0xFFFF0000u) + ((count() - limit) >> 31);
  }

  // The one of two that `bit` tells, without a branch: where both are loaded before it is
  // known, what is coded next does not wait for memory.
  [[gnu::always_inline]] static BitModel either(BitModel zero, BitModel one, uint32_t bit) {
    zero.state_ ^= (zero.state_ ^ one.state_) & (0u - bit);
    return zero;
  }

  // A bit that decides what is coded next.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code(Coder& coder, uint32_t bit, uint32_t limit = 30) {
    // The model learns in both branches: what it has learned then waits for no comparison.
    if (coder.code(probability(), bit) != 0) {
      update(1, limit);
      return 1;
    }
    update(0, limit);
    return 0;
  }

  // A bit that is part of a number and decides nothing: coded in the same way, but a
  // processor that cannot foresee it loses nothing.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code_part(Coder& coder, uint32_t bit,
                                            uint32_t limit = 30) {
    if constexpr (requires { coder.code_part(uint32_t{}, uint32_t{}); }) {
      bit = coder.code_part(probability(), bit);
    } else {
      bit = coder.code(probability(), bit);
    }
    update(bit, limit);
    return bit;
  }

 private:
  uint32_t state_ = 32768u << 16;  // the probability above, the count below
};

// The same for a bit that is nearly always zero, as whether a number has changed: its
// probability can fall further, and be the average of more bits. With 16 bits, thousands of
// numbers that have not changed would cost more than the few that have.
struct FineBitModel {
  static constexpr uint32_t kOne = 1u << 22;
  static constexpr uint32_t kLeast = 64;

  uint32_t p22 = kOne / 2;
  uint32_t count = 0;

  uint32_t probability() const { return p22; }

  // `limit` is at most 1023.
  [[gnu::always_inline]] void update(uint32_t bit, uint32_t limit) {
    const auto target = int64_t{kLeast} + ((0u - bit) & (kOne - 1 - kLeast));
    p22 = static_cast<uint32_t>(p22 + (((target - p22) * kRates[count]) >> 16));
    count += count < limit ? 1u : 0u;
  }

  template <typename Coder>
  [[gnu::always_inline]] uint32_t code(Coder& coder, uint32_t bit, uint32_t limit) {
    if (coder.code_fine(probability(), bit) != 0) {
      update(1, limit);
      return 1;
    }
    update(0, limit);
    return 0;
  }
};

// A bit that is as likely zero as one, coded as others are, not as it is.
template <typename Coder>
[[gnu::always_inline]] inline uint32_t code_even(Coder& coder, uint32_t bit) {
  if constexpr (requires { coder.code_part(uint32_t{}, uint32_t{}); }) {
    return coder.code_part(32768, bit);
  } else {
    return coder.code(32768, bit);
  }
}

// A symbol of `Bits` bits by a binary tree, most significant bit first.
template <unsigned Bits>
struct TreeModel {
  std::array<BitModel, size_t{1} << Bits> nodes{};

  template <typename Coder>
  uint32_t code(Coder& coder, uint32_t symbol, uint32_t limit = 30) {
    uint32_t node = 1;
    for (unsigned i = Bits; i-- > 0;) {
      node = 2 * node + nodes[node].code_part(coder, (symbol >> i) & 1u, limit);
    }
    return node - (1u << Bits);
  }
};

// A number of up to 63 bits: its length by a tree, the six bits below the leading one
// modelled for that length, the rest as they are.
class NumberModel {
 public:
  NumberModel() {}  // else what is left as it was would be made zero

  template <typename Coder>
  uint64_t code(Coder& coder, uint64_t number) {
    uint32_t bits = 0;
    while (bits < 63 && (number >> bits) != 0) ++bits;
    bits = length_.code(coder, bits);
    if (bits <= 1) return bits;
    Top& top = top_of(bits);
    uint64_t value = 1;
    uint32_t node = 1;
    for (uint32_t i = bits - 1; i-- > 0;) {
      uint32_t bit = static_cast<uint32_t>(number >> i) & 1u;
      if (node < kTopNodes) {
        bit = top.nodes[node].code(coder, bit);
        node = 2 * node + bit;
      } else {
        bit = code_even(coder, bit);
      }
      value = 2 * value + bit;
    }
    return value;
  }

  // The same in a loop that holds its coder, where it is rare: the coder stays in
  // registers.
  template <typename Coder>
  [[gnu::always_inline]] uint64_t code_rarely(Coder& coder, uint64_t number) {
    if constexpr (requires { Coder::kIsSmall; }) {
      Coder copy = coder;
      number = code(copy, number);
      coder = copy;
      return number;
    } else {
      return code(coder, number);
    }
  }

 private:
  static constexpr uint32_t kTopNodes = 64;

  // Of numbers of one length. Most lengths never come, and to begin all of them would take
  // longer than to decode a small patch: memory is as it was until the first one comes.
  union Top {
    Top() {}
    std::array<BitModel, kTopNodes> nodes;
  };

  Top& top_of(uint32_t bits) {
    if ((begun_ >> bits & 1) == 0) {
      top_[bits].nodes.fill({});
      begun_ |= uint64_t{1} << bits;
    }
    return top_[bits];
  }

  TreeModel<6> length_;
  uint64_t begun_ = 0;  // by length, a bit
  std::array<Top, 64> top_;
};

}  // namespace mallorn
