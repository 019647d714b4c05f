// ResidualModel: codes by how much a number misses its prediction, where that can be much:
// integers of more than eight bits, and floats of 64 (docs/format/values.md, "Residuals").
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

// The bit length plus exponent that a residual is expected to have, times 1024.
struct Expected {
  bool is_known;  // else nothing has been there yet
  int32_t size;
};

// How large residuals have been: bit length plus exponent, on average, times 1024.
class Spread {
 public:
  // Of the next residual. All those before count but for the last: so a loop knows it
  // before it has that one.
  Expected expected() const { return {count_ > 1, before_}; }

  // Numbers of another kind follow, or of another row: these count for less.
  void begin_piece() { count_ = count_ < kBegun ? count_ : kBegun; }
  void begin_row() { count_ = count_ < kBegunRow ? count_ : kBegunRow; }

  // Of a residual that is not zero, and of one that is.
  void learn(int32_t bits, int32_t exponent) {
    const int32_t seen = kUnit * (bits + exponent);
    begin(seen);
    move(seen - now_);
  }
  void learn_none(int32_t exponent) {
    if (count_ != 0) [[likely]]
      move(none(kUnit * exponent - now_));
  }

 protected:
  static constexpr int32_t kUnit = 1024;
  static constexpr uint32_t kBegun = 8;  // count, when a piece begins
  static constexpr uint32_t kBegunRow = 16;
  static constexpr uint32_t kLimit = 126;

  // The first residual there is tells what to expect.
  void begin(int32_t seen) {
    if (count_ == 0) [[unlikely]]
      now_ = seen;
  }

  // That there is no residual says little of how long others are.
  static int32_t none(int32_t difference) { return difference < 0 ? difference >> 1 : 0; }
  static int32_t share(int32_t surprise, uint32_t count) {
    return static_cast<int32_t>((int64_t{surprise} * kRates[count]) >> 16);
  }
  void move(int32_t surprise) {
    before_ = now_;
    now_ += share(surprise, count_);
    count_ += count_ < kLimit ? 1u : 0u;
  }

  int32_t now_ = 0;     // expected after all residuals there have been
  int32_t before_ = 0;  // after all but the last
  uint32_t count_ = 0;  // how many it has learned from, up to a bound
};

// In which place a residual is expected.
struct ResidualPlace {
  uint32_t size;     // context: bits expected, in quarters
  int32_t quarters;  // the same without bounds
  uint32_t phase;
};

class ResidualModel {
 public:
  static constexpr uint32_t kPhases = 8;
  static constexpr uint32_t kMiddle = 4;  // phase of a prediction that was not rounded

 private:
  static constexpr int32_t kSizes = 52;  // quarters of a bit expected, from -1/2
  static constexpr uint32_t kPhaseSizes = 20;
  static constexpr uint32_t kLimit = 255;
  static constexpr uint32_t kMaxBits = 64;
  static constexpr uint32_t kSteps = 12;
  static constexpr uint32_t kMostAtOnce = 31;  // bits as they are, without a sign

  // How many bits a residual is expected to have.
  static constexpr uint32_t bits_of(const ResidualPlace& at) {
    return static_cast<uint32_t>(clamp(at.quarters, 4, 4 * 63)) / 4;
  }

  static constexpr int32_t clamp(int32_t number, int32_t least, int32_t most) {
    number = number < least ? least : number;
    return number > most ? most : number;
  }

  // The models of one size, next to one another.
  struct BySize {
    std::array<std::array<BitModel, 2>, kPhases> moves{};
    std::array<std::array<BitModel, 3>, kPhases> is_down{};
    // By shorter (0) or longer (1), and how many steps there have been.
    std::array<std::array<BitModel, kSteps>, 2> steps{};
    std::array<BitModel, kMaxBits> second{};  // by length, less one
  };

 public:
  // `exponent` is that of the prediction, `phase` the eighths of a unit between it and the
  // middle to the number below (0 to 7).
  [[gnu::always_inline]] static ResidualPlace place(const Expected& expected,
                                                    int32_t exponent, uint32_t phase) {
    const int32_t quarters =
        expected.is_known ? (expected.size - 1024 * exponent + 128) >> 8 : 0;
    ResidualPlace at;
    at.quarters = quarters;
    at.size = static_cast<uint32_t>(clamp(quarters + 2, 0, kSizes - 1));
    // Without a branch: a third of all would be foreseen wrongly.
    const uint32_t has_phase = at.size < kPhaseSizes ? 1 : 0;
    at.phase = kMiddle + (phase - kMiddle) * has_phase;
    return at;
  }

  // Codes residuals in a loop: what is remembered of the one before is a copy, which goes
  // back at its end.
  class Run {
   public:
    explicit Run(ResidualModel& home)
        : home_(home), last_(home.last_), has_moved_(last_ != 0 ? 1 : 0) {}
    ~Run() { home_.last_ = last_; }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // Codes `residual`, any number, at its place(); `spread` learns.
    template <typename Coder, typename AnySpread>
    [[gnu::always_inline]] int64_t code_at(Coder& coder, int64_t residual, int32_t exponent,
                                           const ResidualPlace& at, AnySpread* spread) {
      const auto magnitude = residual < 0 ? 0 - static_cast<uint64_t>(residual)
                                          : static_cast<uint64_t>(residual);
      BySize& models = home_.by_size_[at.size];
      if (models.moves[at.phase][has_moved_].code(coder, residual != 0 ? 1 : 0, kLimit) ==
          0) {
        spread->learn_none(exponent);
        last_ = has_moved_ = 0;
        return 0;
      }
      const uint32_t bits = code_bits(
          coder, static_cast<uint32_t>(std::bit_width(magnitude)), bits_of(at), &models);
      spread->learn(static_cast<int32_t>(bits), exponent);
      // Apart from last_: which of two bits the next one is then waits for no sign.
      has_moved_ = 1;
      return code_signed(coder, residual < 0 ? 1 : 0, magnitude, bits, at, &models);
    }

   private:
    // The sign, and the bits below the leading one: two of them modelled, the rest as they
    // are.
    template <typename Coder>
    [[gnu::always_inline]] int64_t code_signed(Coder& coder, uint32_t wants_down,
                                               uint64_t magnitude, uint32_t bits,
                                               const ResidualPlace& at, BySize* models) {
      uint64_t coded = 1;
      uint32_t left = bits - 1;
      const auto next = [&](BitModel & model) __attribute__((always_inline)) {
        --left;
        const uint32_t bit = static_cast<uint32_t>(magnitude >> left) & 1u;
        coded = 2 * coded + model.code_part(coder, bit, kLimit);
      };
      const auto part = [&](uint32_t from, uint32_t count) {
        return static_cast<uint32_t>(magnitude >> from) & ((1u << count) - 1);
      };
      const uint32_t is_down =
          models->is_down[at.phase][last_].code_part(coder, wants_down, kLimit);
      last_ = 2 - is_down;
      if (left > 0) next(models->second[bits - 1]);
      if (left > 0) next(home_.third_[bits][coded & 1]);
      if (left > kMostAtOnce) [[unlikely]] {
        const uint32_t count = left - kMostAtOnce;
        left = kMostAtOnce;
        coded = coded << count | coder.code_bits(part(left, count), count);
      }
      // Without a branch, even if there are none.
      coded = coded << left | coder.code_bits(part(0, left), left);
      const uint64_t sign = 0 - uint64_t{is_down};
      return static_cast<int64_t>((coded ^ sign) - sign);
    }

    ResidualModel& home_;
    uint32_t last_;       // residual: 0 none, 1 down, 2 up
    uint32_t has_moved_;  // 0 if it was none, else 1
  };

  // Codes one.
  template <typename Coder, typename AnySpread>
  [[gnu::always_inline]] int64_t code(Coder& coder, int64_t residual, int32_t exponent,
                                      uint32_t phase, AnySpread* spread) {
    Run run(*this);
    return run.code_at(coder, residual, exponent,
                       place(spread->expected(), exponent, phase), spread);
  }

 private:
  // The bit length of a magnitude that is not 0: whether it is longer than expected, then
  // how much longer or shorter, in unary. The models of the first step either way are
  // loaded before it is known which way.
  template <typename Coder>
  [[gnu::always_inline]] static uint32_t code_bits(Coder& coder, uint32_t bits,
                                                   uint32_t expected, BySize* models) {
    uint32_t coded = expected;
    const BitModel shorter = models->steps[0][0];
    const BitModel longer = models->steps[1][1];
    // The same loop both ways: which way is hard to foresee.
    const uint32_t is_longer =
        models->steps[1][0].code_part(coder, bits > coded ? 1 : 0, kLimit);
    coded += is_longer;
    const uint32_t end = 1 + (kMaxBits - 1) * is_longer;
    const uint32_t step = 2 * is_longer - 1;  // modulo 2^32
    BitModel* model = &models->steps[is_longer][is_longer];
    const BitModel* const last = &models->steps[is_longer][kSteps - 1];
    BitModel now = BitModel::either(shorter, longer, is_longer);
    while (coded != end) {
      const uint32_t goes_on = is_longer == 0 ? bits < coded : bits > coded;
      const uint32_t has_gone_on = now.code(coder, goes_on, kLimit);
      *model = now;
      if (has_gone_on == 0) break;
      coded += step;
      model += model != last ? 1 : 0;
      now = *model;
    }
    return coded;
  }

  std::array<BySize, kSizes> by_size_{};
  std::array<std::array<BitModel, 2>, kMaxBits + 1> third_{};
  uint32_t last_ = 0;  // residual: 0 none, 1 down, 2 up
};

}  // namespace mallorn
