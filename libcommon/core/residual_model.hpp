// ResidualModel: codes by how much a number misses its prediction, where that can be much:
// floats, and integers of more than eight bits (docs/format/values.md, "Residuals").
//
// Training moves weights by absolute amounts. The bits that a residual has, counted in
// units of the last place of its prediction, therefore follow the exponent of the
// prediction: the model keeps the expected sum of both.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"

namespace mallorn {

// How large residuals have been: bit length plus exponent, on average, times 1024.
class Spread {
 public:
  bool is_known() const { return is_known_; }
  int32_t expected() const { return expected_; }

  // Numbers of another kind follow, or of another row: these count for less.
  void begin_piece() { count_ = count_ < kBegun ? count_ : kBegun; }
  void begin_row() { count_ = count_ < kBegunRow ? count_ : kBegunRow; }

  void learn(int32_t bits, int32_t exponent) {
    if (!begin(bits, exponent)) return;
    const int32_t seen = kUnit * (bits + exponent);
    move(surprise(bits, seen - expected_));
  }

 protected:
  static constexpr int32_t kUnit = 1024;
  static constexpr uint32_t kBegun = 8;  // count, when a piece begins
  static constexpr uint32_t kBegunRow = 16;
  static constexpr uint32_t kLimit = 126;

  // The first residual there is tells what to expect. False if none has been there yet.
  bool begin(int32_t bits, int32_t exponent) {
    if (!is_known_ && bits != 0) {
      expected_ = kUnit * (bits + exponent);
      is_known_ = true;
    }
    return is_known_;
  }

  // That there is no residual says little of how long others are.
  static int32_t surprise(int32_t bits, int32_t difference) {
    return bits != 0 ? difference : difference < 0 ? difference >> 1 : 0;
  }
  static int32_t share(int32_t surprise, uint32_t count) {
    return static_cast<int32_t>((int64_t{surprise} * kRates[count]) >> 16);
  }
  void move(int32_t surprise) {
    expected_ += share(surprise, count_);
    count_ += count_ < kLimit ? 1u : 0u;
  }

  int32_t expected_ = 0;
  uint32_t count_ = 0;
  bool is_known_ = false;
};

class ResidualModel {
 public:
  static constexpr uint32_t kPhases = 8;
  static constexpr uint32_t kMiddle = 4;  // phase of a prediction that was not rounded

  // Codes `residual`, any number. `exponent` is that of the prediction, `phase` the eighths
  // of a unit between it and the middle to the number below (0 to 7). `spread` learns.
  template <typename Coder, typename AnySpread>
  [[gnu::always_inline]] int64_t code(Coder& coder, int64_t residual, int32_t exponent,
                                      uint32_t phase, AnySpread* spread) {
    const int32_t quarters =
        spread->is_known() ? (spread->expected() - 1024 * exponent + 128) >> 8 : 0;
    Place at;
    at.bits = static_cast<uint32_t>(clamp(quarters, 4, 4 * 63)) / 4;
    at.size = static_cast<uint32_t>(clamp(quarters + 2, 0, kSizes - 1));
    // Without a branch: a third of all would be foreseen wrongly.
    const uint32_t has_phase = at.size < kPhaseSizes ? 1 : 0;
    at.phase = kMiddle + (phase - kMiddle) * has_phase;
    const auto magnitude = residual < 0 ? 0 - static_cast<uint64_t>(residual)
                                        : static_cast<uint64_t>(residual);
    const uint32_t bits =
        code_bits(coder, static_cast<uint32_t>(std::bit_width(magnitude)), at);
    spread->learn(static_cast<int32_t>(bits), exponent);
    if (bits == 0) {
      last_ = 0;
      has_moved_ = 0;
      return 0;
    }
    // Apart from last_: which of two bits the next one is then waits for no sign.
    has_moved_ = 1;
    const bool is_down = is_down_[at.size][at.phase][last_].code_part(
                             coder, residual < 0 ? 1 : 0, kLimit) != 0;
    last_ = is_down ? 1 : 2;
    const uint64_t coded = code_magnitude(coder, magnitude, bits, at);
    const uint64_t sign = 0 - uint64_t{is_down};
    return static_cast<int64_t>((coded ^ sign) - sign);
  }

 private:
  static constexpr int32_t kSizes = 52;  // quarters of a bit expected, from -1/2
  static constexpr uint32_t kPhaseSizes = 20;
  static constexpr uint32_t kLimit = 255;
  static constexpr uint32_t kMaxBits = 64;
  static constexpr uint32_t kSteps = 12;

  static constexpr int32_t clamp(int32_t number, int32_t least, int32_t most) {
    number = number < least ? least : number;
    return number > most ? most : number;
  }

  struct Place {
    uint32_t size;  // context: bits expected, in quarters
    uint32_t bits;  // expected, at least 1
    uint32_t phase;
  };

  // The bit length of a magnitude: whether it is 0, then whether it is longer than
  // expected, then how much longer or shorter, in unary.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code_bits(Coder& coder, uint32_t bits, const Place& at) {
    BitModel& moves = moves_[at.size][at.phase][has_moved_];
    if (moves.code(coder, bits != 0 ? 1 : 0, kLimit) == 0) return 0;
    uint32_t coded = at.bits;
    // The same loop both ways: which way is hard to foresee.
    const uint32_t is_longer =
        steps_[at.size][1][0].code_part(coder, bits > coded ? 1 : 0, kLimit);
    coded += is_longer;
    const uint32_t end = 1 + (kMaxBits - 1) * is_longer;
    const uint32_t step = 2 * is_longer - 1;  // modulo 2^32
    BitModel* model = &steps_[at.size][is_longer][is_longer];
    const BitModel* const last = &steps_[at.size][is_longer][kSteps - 1];
    while (coded != end) {
      const uint32_t goes_on = is_longer == 0 ? bits < coded : bits > coded;
      if (model->code(coder, goes_on, kLimit) == 0) break;
      coded += step;
      model += model != last ? 1 : 0;
    }
    return coded;
  }

  // The bits below the leading one: two of them modelled, the rest as they are.
  template <typename Coder>
  [[gnu::always_inline]] uint64_t code_magnitude(Coder& coder, uint64_t magnitude,
                                                 uint32_t bits, const Place& at) {
    uint64_t coded = 1;
    uint32_t left = bits - 1;
    const auto next = [&](BitModel & model) __attribute__((always_inline)) {
      --left;
      coded = 2 * coded +
              model.code_part(coder, static_cast<uint32_t>(magnitude >> left) & 1u, kLimit);
    };
    if (left > 0) next(second_[at.size][bits]);
    if (left > 0) next(third_[bits][coded & 1]);
    while (left > 0) {
      const uint32_t count = left < 16 ? left : 16;
      left -= count;
      const auto part = static_cast<uint32_t>(magnitude >> left) & ((1u << count) - 1);
      coded = coded << count | coder.code_bits(part, count);
    }
    return coded;
  }

  std::array<std::array<std::array<BitModel, 2>, kPhases>, kSizes> moves_{};
  std::array<std::array<std::array<BitModel, 3>, kPhases>, kSizes> is_down_{};
  // By size, shorter (0) or longer (1), and how many steps there have been.
  std::array<std::array<std::array<BitModel, kSteps>, 2>, kSizes> steps_{};
  std::array<std::array<BitModel, kMaxBits + 1>, kSizes> second_{};
  std::array<std::array<BitModel, 2>, kMaxBits + 1> third_{};
  uint32_t last_ = 0;       // residual: 0 none, 1 down, 2 up
  uint32_t has_moved_ = 0;  // 0 if it was none, else 1
};

}  // namespace mallorn
