// FloatModel: codes floats of up to 32 bits, given those of the base
// (docs/format/values.md, "Prediction", "Floats" and "Moves").
//
// How far they are expected to move is held for a block of columns, and learned at its end:
// between is a loop that codes and does nothing else.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/float_block.hpp"
#include "libcommon/core/float_value.hpp"
#include "libcommon/core/grain_model.hpp"
#include "libcommon/core/matrix_spread.hpp"
#include "libcommon/core/move_cells.hpp"
#include "libcommon/core/symbol_model.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

class FloatModel {
 public:
  struct NoMoves {};  // floats are expected to stay what they are

  // Codes the `count` floats of a row. `move_at` gives the FloatMove of a column, or is
  // NoMoves.
  template <Dtype dtype, typename Coder, typename MoveAt>
  [[gnu::always_inline]] void code_row(Coder& coder, MatrixSpread* matrix_spread,
                                       const MoveAt& move_at, uint32_t count,
                                       const uint8_t* base, uint8_t* values) {
    constexpr uint32_t kBytes = value_type_of(dtype).bytes;
    MatrixSpread::Row spread(*matrix_spread);
    for (uint32_t first = 0; first < count;) {
      const uint32_t now = spread.held(count - first);
      const Columns columns = {first, now, base + first * kBytes, values + first * kBytes};
      if (now == FloatBlock::kColumns) [[likely]] {
        code_block<dtype, FloatBlock::kColumns>(coder, &spread, move_at, columns);
      } else {
        code_short_block<dtype>(coder, &spread, move_at, columns);
      }
      first += now;
    }
  }

 private:
  struct Columns {
    uint32_t first;
    uint32_t count;
    const uint8_t* base;
    uint8_t* values;
  };

  // Of fewer columns, as where a row begins or ends: apart, so that there is less to be
  // held in the loop over others.
  template <Dtype dtype, typename Coder, typename MoveAt>
  [[gnu::always_inline]] void code_short_block(Coder& coder, MatrixSpread::Row* spread,
                                               const MoveAt& move_at,
                                               const Columns& columns) {
    if constexpr (requires { Coder::kIsSmall; }) {
      Coder copy = coder;
      code_apart<dtype>(copy, spread, move_at, columns);
      coder = copy;
    } else {
      code_apart<dtype>(coder, spread, move_at, columns);
    }
  }
  template <Dtype dtype, typename Coder, typename MoveAt>
  [[gnu::noinline]] void code_apart(Coder& home, MatrixSpread::Row* spread,
                                    const MoveAt& move_at, const Columns& columns) {
    Held held(home);
    code_block<dtype, 0>(held.coder(), spread, move_at, columns);
  }

  // `known_count` is that of columns, if it is known to the compiler.
  template <Dtype dtype, uint32_t known_count, typename Coder, typename MoveAt>
  [[gnu::always_inline]] void code_block(Coder& coder, MatrixSpread::Row* spread,
                                         const MoveAt& move_at, const Columns& columns) {
    constexpr bool is_plain = std::is_same_v<MoveAt, NoMoves>;
    constexpr ValueType type = value_type_of(dtype);
    const uint32_t count = known_count != 0 ? known_count : columns.count;
    FloatBlock block;
    block.is_still = is_still_;
    if constexpr (is_plain) block.set<dtype>(*spread, count, columns.base);
    if constexpr (!is_plain) {
      block.set_moved<dtype>(*spread, columns.first, move_at, count, columns.base);
    }
    for (uint32_t i = 0; i < count; ++i) {
      const uint8_t* const from = columns.base + i * type.bytes;
      uint8_t* const to = columns.values + i * type.bytes;
      const auto base = static_cast<uint32_t>(load_bits(type, from));
      const auto value = static_cast<uint32_t>(load_bits(type, to));
      const bool has_guess = !is_plain && block.has_guess[i];
      store_bits(type, to,
                 has_guess ? code_guessed<dtype>(coder, &block, i, value)
                           : code_still<dtype>(coder, &block, i, base, value));
    }
    is_still_ = FloatBlock::kColumns * block.moves(count) <= count;
    spread->learn_block(count, block.unit.data(), block.length.data(), block.here.data());
  }

  // A float that is expected to be the one of the base.
  template <Dtype dtype, typename Coder>
  [[gnu::always_inline]] uint32_t code_still(Coder& coder, FloatBlock* block, uint32_t i,
                                             uint32_t base, uint32_t value) {
    constexpr FloatFormat format = value_type_of(dtype).format;
    constexpr auto kSign = static_cast<uint32_t>(format.sign());
    const auto grain = static_cast<uint32_t>(block->grain[i]);
    const uint32_t magnitude = base & (kSign - 1);
    // Away from zero, or towards it and beyond.
    const uint32_t wanted = (order_of<dtype>(value, grain) - order_of<dtype>(base, grain)) ^
                            mask_of<dtype>(base);
    const uint32_t move =
        code_move<dtype>(coder, block, i, wanted - mask_of<dtype>(base), kNoSign);
    // Both are whole, of one sign: nothing is left to code then, and grains do not matter.
    const uint32_t least = grain << format.mantissa_bits;
    const uint32_t was_whole = magnitude - least < kSign - least ? 1 : 0;
    const uint32_t stays_whole = magnitude + move - least < kSign - least ? 1 : 0;
    if ((was_whole & stays_whole) != 0) [[likely]]
      return base + move;
    return code_within_grain<dtype>(coder, grain, base, move, value);
  }

  // One that might share its place with others, or does.
  template <Dtype dtype, typename Coder>
  [[gnu::always_inline]] uint32_t code_within_grain(Coder& coder, uint32_t grain,
                                                    uint32_t base, uint32_t move,
                                                    uint32_t value) {
    constexpr ValueType type = value_type_of(dtype);
    const uint64_t magnitude = base & (type.format.sign() - 1);
    if (move == 0 && (is_whole(type.format, magnitude, grain) ||
                      grains_.code_stays(coder, value == base))) {
      return base;
    }
    const uint32_t mask = mask_of<dtype>(base);
    const uint32_t order = order_of<dtype>(base, grain) + ((move ^ mask) - mask);
    return static_cast<uint32_t>(
        grains_.code(coder, type.format, grain, extend_sign(type, order), value));
  }

  // One that is expected to be another one.
  template <Dtype dtype, typename Coder>
  [[gnu::always_inline]] uint32_t code_guessed(Coder& coder, FloatBlock* block, uint32_t i,
                                               uint32_t value) {
    constexpr ValueType type = value_type_of(dtype);
    const auto grain = static_cast<uint32_t>(block->grain[i]);
    const auto guess = static_cast<uint32_t>(block->guess[i]);
    BitModel* const sign =
        block->size[i] < FloatBlock::kSignSizes
            ? &signs_[static_cast<uint32_t>(block->size[i])][block->phase[i]]
            : kNoSign;
    const uint32_t move =
        code_move<dtype>(coder, block, i, order_of<dtype>(value, grain) - guess, sign);
    return static_cast<uint32_t>(
        grains_.code(coder, type.format, grain, extend_sign(type, guess + move), value));
  }

  // By how much a float moves: modulo 2^32, and what is wanted as well. The sign is as it
  // is if there is no model of it.
  template <Dtype dtype, typename Coder>
  [[gnu::always_inline]] uint32_t code_move(Coder& coder, FloatBlock* block, uint32_t i,
                                            uint32_t wanted, BitModel* sign) {
    constexpr ValueType type = value_type_of(dtype);
    const int64_t residual = extend_sign(type, wanted);
    const auto magnitude = static_cast<uint64_t>(residual < 0 ? -residual : residual);
    const uint32_t is_below = residual < 0 ? 1 : 0;
    const auto even = static_cast<uint32_t>(block->even[i]);
    const uint32_t symbol = symbols_[static_cast<uint32_t>(block->context[i])].code(
        coder, move_symbol(magnitude, even), block->is_still);
    const MoveCell& cell = kMoveCells[even][symbol];
    block->length[i] = cell.length;
    const auto wanted_bits =
        static_cast<uint32_t>((magnitude - cell.least) << 1 | is_below) &
        ((1u << cell.bits) - 1);
    uint32_t word;  // the sign lowest
    if (sign != kNoSign && symbol != 0) {
      word = sign->code_part(coder, is_below, kSignLimit);
      word |= coder.code_bits(wanted_bits >> 1, cell.bits - 1u) << 1;
    } else {
      word = coder.code_bits(wanted_bits, cell.bits);
    }
    uint32_t size = cell.least + (word >> 1);
    if (symbol == kLongMove) [[unlikely]] {
      size = code_long(coder, magnitude, even);
      const int32_t bits = std::bit_width(size);
      block->length[i] = static_cast<int16_t>(1024 * (bits < 31 ? bits : 31));
    }
    const uint32_t mask = 0 - (word & 1);
    return (size ^ mask) - mask;
  }

  template <typename Coder>
  [[gnu::always_inline]] uint32_t code_long(Coder& coder, uint64_t magnitude,
                                            uint32_t even) {
    const uint32_t least = least_long_move(even);
    return least + static_cast<uint32_t>(long_.code_rarely(coder, magnitude - least));
  }

  // The place of a float in the order of a grain, modulo 2^32; and all ones below zero.
  template <Dtype dtype>
  [[gnu::always_inline]] static uint32_t order_of(uint32_t bits, uint32_t grain) {
    return static_cast<uint32_t>(to_order(value_type_of(dtype).format, bits, grain));
  }
  template <Dtype dtype>
  static uint32_t mask_of(uint32_t bits) {
    return 0 - (bits >> (value_type_of(dtype).format.bits - 1));
  }

  static constexpr BitModel* kNoSign = nullptr;
  static constexpr uint32_t kSignLimit = 255;

  std::array<SymbolModel, FloatBlock::kContexts> symbols_{};
  // By the size that is expected, and the phase.
  std::array<std::array<BitModel, 8>, FloatBlock::kSignSizes> signs_{};
  NumberModel long_{};
  GrainModel grains_{};
  bool is_still_ = false;  // hardly any float of the block before has moved
};

}  // namespace mallorn
