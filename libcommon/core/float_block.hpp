// FloatBlock: what is known of the floats of a few columns before they are coded
// (docs/format/values.md, "Floats" and "Moves"): of each its grain, and by how much it is
// expected to move.
//
// Nothing in here depends on the floats of the result, so that all columns of a block are
// worked out at once: for floats that are expected to stay what they are, by loops that a
// processor with vectors does in few steps.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/float_value.hpp"
#include "libcommon/core/grain_model.hpp"
#include "libcommon/core/matrix_spread.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

// What the float of the base becomes: it is multiplied by gain / 2^12, and
// shift * 2^exponent is added, as guess_float() says.
struct FloatMove {
  int32_t gain;
  int32_t shift;
  int32_t exponent;

  bool is_any() const { return gain != 1 << kFloatGainBits || shift != 0; }
};

class FloatBlock {
 public:
  static constexpr uint32_t kColumns = MatrixSpread::kMostHeld;
  static constexpr int16_t kSizes = 32;
  static constexpr int16_t kSignSizes = 20;   // of guesses: signs depend on the phase
  static constexpr int16_t kPhaseSizes = 12;  // and so does whether they are right
  static constexpr int16_t kFolds = 4;
  static constexpr int16_t kContexts = kSizes + kPhaseSizes * kFolds;

  // Of floats that are expected to stay.
  template <Dtype dtype>
  [[gnu::always_inline]] void set(const MatrixSpread::Row& spread, uint32_t count,
                                  const uint8_t* base) {
    constexpr FloatFormat format = value_type_of(dtype).format;
    constexpr auto kMaxGrain = static_cast<int16_t>(max_grain(format));
    spread.find_here(count, here.data());
    std::array<int16_t, kColumns> field;
    field[0] = 0;  // compilers do not know that there is one
    for (uint32_t i = 0; i < count; ++i) field[i] = field_at<dtype>(base, i);
    for (uint32_t i = 0; i < count; ++i) {
      // In 32nds of a bit, which is as fine as it has to be, and has room.
      const auto size_here = static_cast<int16_t>(here[i] >> 5);
      const int16_t from = at_least<int16_t>(field[i], 1);
      const int16_t field_here = narrow((size_here >> 5) - GrainModel::kKeptBits);
      grain[i] = at_most<int16_t>(at_least<int16_t>(field_here, 1), kMaxGrain);
      unit[i] = at_least(from, grain[i]);
      set_size(i, narrow(narrow(size_here - 32 * unit[i] + 4) >> 3));
      context[i] = size[i];
    }
    if (!spread.is_known()) [[unlikely]]
      set_unknown(at_least<int16_t>(field[0], 1));
  }

  // Of floats that are expected to move, or might be.
  template <Dtype dtype, typename MoveAt>
  [[gnu::always_inline]] void set_moved(const MatrixSpread::Row& spread, uint32_t first,
                                        const MoveAt& move_at, uint32_t count,
                                        const uint8_t* base) {
    constexpr FloatFormat format = value_type_of(dtype).format;
    set<dtype>(spread, count, base);
    for (uint32_t i = 0; i < count; ++i) {
      const FloatMove move = move_at(first + i);
      has_guess[i] = move.is_any();
      if (!has_guess[i]) continue;
      const auto grain_here = static_cast<uint32_t>(grain[i]);
      const auto bits = static_cast<uint32_t>(
          load_bits(value_type_of(dtype), base + i * value_type_of(dtype).bytes));
      const Guess guessed =
          guess_float(format, bits, move.gain, move.shift, move.exponent, grain_here);
      const auto field = static_cast<int16_t>(exponent_at(format, guessed.order));
      guess[i] = static_cast<int32_t>(guessed.order);
      phase[i] = static_cast<uint8_t>(guessed.phase);
      unit[i] = narrow(at_least<int16_t>(field, 1) + grain[i] - 1);
      if (spread.is_known()) set_size(i, narrow((here[i] - 1024 * unit[i] + 128) >> 8));
      const int32_t fold = phase[i] < 4 ? 3 - phase[i] : phase[i] - 4;
      context[i] =
          size[i] < kPhaseSizes ? narrow(kSizes + kFolds * size[i] + fold) : size[i];
    }
  }

  // How many of them have moved.
  [[gnu::always_inline]] uint32_t moves(uint32_t count) const {
    uint16_t sum = 0;
    for (uint32_t i = 0; i < count; ++i) {
      sum = static_cast<uint16_t>(sum + (length[i] != 0 ? 1 : 0));
    }
    return sum;
  }

  bool is_still;                       // none of them is likely to move
  std::array<int32_t, kColumns> here;  // bit length plus exponent expected, in 1024ths
  std::array<int16_t, kColumns> unit;  // exponent of the units in which moves count
  std::array<int16_t, kColumns> grain;
  std::array<int16_t, kColumns> size;  // bits that a move is expected to have, in quarters
  std::array<int16_t, kColumns> even;  // lowest bits of a move that are as they are
  std::array<int16_t, kColumns> context;
  std::array<int16_t, kColumns> length;  // of moves, once they are known
  // If they are expected to move:
  std::array<bool, kColumns> has_guess;
  std::array<int32_t, kColumns> guess;  // in the order of the grain
  std::array<uint8_t, kColumns> phase;

 private:
  static constexpr int16_t kUncertain = 2;  // size where a bit is expected
  static constexpr int16_t kExact = 11;     // up to this size, small moves are told apart

  static constexpr int16_t narrow(int32_t number) { return static_cast<int16_t>(number); }
  template <typename Number>
  static constexpr Number at_least(Number number, Number least) {
    return number < least ? least : number;
  }
  template <typename Number>
  static constexpr Number at_most(Number number, Number most) {
    return number > most ? most : number;
  }

  template <Dtype dtype>
  [[gnu::always_inline]] static int16_t field_at(const uint8_t* base, uint32_t i) {
    constexpr ValueType type = value_type_of(dtype);
    const uint64_t magnitude =
        load_bits(type, base + i * type.bytes) & (type.format.sign() - 1);
    return static_cast<int16_t>(magnitude >> type.format.mantissa_bits);
  }

  [[gnu::always_inline]] void set_size(uint32_t i, int16_t quarters) {
    const int16_t above = at_least<int16_t>(narrow(quarters + kUncertain), 0);
    size[i] = at_most<int16_t>(above, kSizes - 1);
    even[i] = narrow(at_least<int16_t>(narrow(size[i] - kExact), 0) >> 2);
  }

  // A block of one column.
  void set_unknown(int16_t exponent) {
    grain[0] = 1;
    unit[0] = exponent;
    set_size(0, 0);
    context[0] = size[0];
  }
};

}  // namespace mallorn
