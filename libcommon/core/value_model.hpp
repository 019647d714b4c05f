// ValueModel: codes numbers and floats, given those of the base (docs/format/values.md).
// One text for encoder and decoder.
//
// A section is cut into pieces, each of them a matrix, row by row. A piece is coded on its
// own, or predicted: the number of the base times a gain of its row or column, plus what
// few ranks add.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/bytes.hpp"
#include "libcommon/core/code_model.hpp"
#include "libcommon/core/code_places.hpp"
#include "libcommon/core/direct_model.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/float_model.hpp"
#include "libcommon/core/float_value.hpp"
#include "libcommon/core/gain_model.hpp"
#include "libcommon/core/matrix_spread.hpp"
#include "libcommon/core/rank_model.hpp"
#include "libcommon/core/residual_model.hpp"
#include "libcommon/core/value_piece.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

// The numbers that an encoder has found for a piece; a decoder has none to give.
struct PieceFit {
  const int32_t* gains = nullptr;  // by row or column
  RankFit ranks;
};

class ValueModel {
 public:
  ValueModel() {}  // not by default: what is not initialized below is not zeroed either

  // Codes one piece; `values` are the elements, of as many bytes, and `base` those of the
  // base at the same place, or empty. An encoder has `*piece`, `fit` and `values`; a
  // decoder gets them. `room` is what is left of the section. False if a decoder has got
  // what no encoder writes.
  template <typename Coder>
  [[nodiscard]] bool code_head(Coder& coder, const ValueType& type, bool has_base,
                               uint64_t room, Piece* piece) {
    piece->elements = elements_.code(coder, piece->elements);
    piece->method =
        static_cast<PieceMethod>(method_.code(coder, static_cast<uint32_t>(piece->method)));
    const bool is_bytes = piece->method == PieceMethod::bytes;
    if (piece->elements == 0 ||
        piece->elements > (is_bytes ? room : elements_in(type, room)))
      return false;
    if (is_bytes) return true;
    if (type.is_half && piece->elements % 2 != 0) return false;
    if (type.kind == ValueKind::code && !code_zeros(coder, has_base, piece)) return false;
    if (piece->method == PieceMethod::sparse) return type.kind == ValueKind::code;
    if (piece->method == PieceMethod::direct) return code_greatest(coder, type, piece);
    return has_base && code_matrix(coder, type, piece);
  }

  template <typename Coder>
  [[nodiscard]] bool code(Coder& coder, const ValueType& type, const Piece& piece,
                          const PieceFit& fit, const uint8_t* base, uint8_t* values) {
    switch (piece.method) {
      case PieceMethod::direct:
        if (type.kind == ValueKind::code)
          return code_codes_alone<false>(coder, type, piece, values);
        return code_direct(coder, type, piece, values);
      case PieceMethod::sparse:
        return code_codes_alone<true>(coder, type, piece, values);
      case PieceMethod::predicted:
        return code_predicted(coder, type, piece, fit, base, values);
      case PieceMethod::bytes:
        break;
    }
    for (uint64_t i = 0; i < piece.elements; ++i) {
      values[i] = static_cast<uint8_t>(byte_.code(coder, values[i]));
    }
    return true;
  }

 private:
  static constexpr uint32_t kLimit = 100;
  static constexpr uint32_t kShiftBits = 20;  // integers: shifts are in units of 2^-20

  template <typename Coder>
  bool code_zeros(Coder& coder, bool has_base, Piece* piece) {
    const auto zero = [&](int32_t* number) {
      const int64_t coded = code_signed(coder, zero_, *number);
      *number = static_cast<int32_t>(coded);
      return coded >= -128 && coded <= 255;
    };
    if (!zero(&piece->result_zero)) return false;
    return !has_base || piece->method != PieceMethod::predicted || zero(&piece->base_zero);
  }

  template <typename Coder>
  bool code_greatest(Coder& coder, const ValueType& type, Piece* piece) {
    if (type.kind != ValueKind::floating) return true;
    const uint64_t coded = greatest_.code(coder, piece->greatest);
    piece->greatest = static_cast<uint32_t>(coded);
    return coded <= type.format.infinity() >> type.format.mantissa_bits;
  }

  template <typename Coder>
  bool code_matrix(Coder& coder, const ValueType& type, Piece* piece) {
    const uint64_t columns = columns_.code(coder, piece->columns);
    if (columns == 0 || columns > piece->elements || columns > UINT32_MAX) return false;
    piece->columns = static_cast<uint32_t>(columns);
    if (type.gain_bits == 0) return true;
    const uint32_t axis = axis_.code(coder, static_cast<uint32_t>(piece->axis));
    if (axis > static_cast<uint32_t>(GainAxis::column)) return false;
    piece->axis = static_cast<GainAxis>(axis);
    if (piece->axis == GainAxis::column && columns > kMaxColumns) return false;
    if (!ranks_.code_count(coder, columns, piece->elements, &piece->ranks)) return false;
    if (piece->ranks == 0 || type.kind != ValueKind::floating) return true;
    return ranks_.code_exponent(coder, &piece->exponent);
  }

  // --- elements on their own

  template <typename Coder>
  bool code_direct(Coder& home, const ValueType& type, const Piece& piece,
                   uint8_t* values) {
    Held held(home);
    Coder& coder = held.coder();
    for (uint64_t i = 0; i < piece.elements; ++i, values += type.bytes) {
      if (type.kind == ValueKind::floating) {
        const int64_t order = to_order(type.format, load_bits(type, values));
        const int64_t coded =
            direct_floats_.code(coder, type.format, piece.greatest, order);
        store_bits(type, values, from_order(type.format, coded));
      } else {
        const auto number = static_cast<int64_t>(load_number(type, values));
        store_bits(type, values,
                   static_cast<uint64_t>(direct_integers_.code(
                       coder, number, 0, ResidualModel::kMiddle, &direct_spread_)));
      }
    }
    return true;
  }

  template <bool is_sparse, typename Coder>
  bool code_codes_alone(Coder& home, const ValueType& type, const Piece& piece,
                        uint8_t* values) {
    Held held(home);
    Coder& coder = held.coder();
    for (uint64_t i = 0; i < piece.elements; ++i) {
      const int32_t number =
          static_cast<int8_t>(load_code(type, values, i) - piece.result_zero);  // wraps
      const int32_t coded = is_sparse ? direct_codes_.code_sparse(coder, number)
                                      : direct_codes_.code(coder, number);
      store_code(type, values, i, coded + piece.result_zero);
    }
    return true;
  }

  // --- elements predicted from the base

  template <typename Coder>
  bool code_predicted(Coder& coder, const ValueType& type, const Piece& piece,
                      const PieceFit& fit, const uint8_t* base, uint8_t* values) {
    begin_piece(type, piece);
    if (!code_columns(coder, type, piece, fit)) return false;
    uint64_t left = piece.elements;
    for (uint64_t row = 0; left > 0; ++row) {
      if (!code_row_head(coder, type, piece, fit, row)) return false;
      const auto count = static_cast<uint32_t>(left < piece.columns ? left : piece.columns);
      const bool is_good =
          type.is_half ? code_codes<true>(coder, type, piece, count, base, values,
                                          piece.elements - left)
          : type.kind == ValueKind::code
              ? code_codes<false>(coder, type, piece, count, base, values, 0)
          : type.kind == ValueKind::integer
              ? code_integers(coder, type, piece, count, base, values)
              : code_floats(coder, type, piece, count, base, values);
      if (!is_good) return false;
      left -= count;
      if (type.is_half) continue;  // rows may begin within a byte
      base += size_t{count} * type.bytes;
      values += size_t{count} * type.bytes;
    }
    return true;
  }

  void begin_piece(const ValueType& type, const Piece& piece) {
    spread_.begin_matrix(piece.columns, piece.elements);
    gains_.begin(type);
  }

  template <typename Coder>
  bool code_columns(Coder& coder, const ValueType& type, const Piece& piece,
                    const PieceFit& fit) {
    if (piece.axis == GainAxis::column &&
        !gains_.code_columns(coder, type, piece.columns, fit.gains)) {
      return false;
    }
    if (piece.ranks == 0) return true;
    return ranks_.code_columns(coder, piece.ranks, piece.columns, fit.ranks);
  }

  template <typename Coder>
  bool code_row_head(Coder& coder, const ValueType& type, const Piece& piece,
                     const PieceFit& fit, uint64_t row) {
    spread_.begin_row(row);
    if (piece.axis == GainAxis::row && !gains_.code_row(coder, type, row, fit.gains)) {
      return false;
    }
    return piece.ranks == 0 || ranks_.code_row(coder, row, fit.ranks);
  }

  int32_t gain_at(const Piece& piece, uint32_t column) const {
    return piece.axis == GainAxis::column ? gains_.of_column(column) : gains_.of_row();
  }
  int32_t shift_at(const Piece& piece, uint32_t column) const {
    return piece.ranks > 0 ? ranks_.shift(column) : 0;
  }

  // The codes of a row, which begins `first` elements behind the pointers.
  template <bool is_half, typename Coder>
  bool code_codes(Coder& home, const ValueType& of, const Piece& piece, uint32_t count,
                  const uint8_t* base, uint8_t* values, uint64_t first) {
    ValueType type = of;
    type.is_half = is_half;  // known to the compiler
    constexpr int32_t kCodes = is_half ? 16 : 256;
    const int32_t low = (type.is_signed ? -kCodes / 2 : 0) - piece.result_zero;
    const Bounds bounds = {low, low + kCodes - 1};
    Held held(home);
    Coder& coder = held.coder();
    CodeModel::Run run(codes_);
    CodePlaces places;
    for (uint32_t begin = 0; begin < count; begin += CodePlaces::kMost) {
      const uint32_t left = count - begin;
      const uint32_t now = left < CodePlaces::kMost ? left : CodePlaces::kMost;
      find_places(type, piece, bounds, begin, now, base, first + begin, &places);
      for (uint32_t i = 0; i < now; ++i) {
        const uint64_t at = first + begin + i;
        int32_t number = load_code(type, values, at) - piece.result_zero;
        if (!run.code(coder, places, i, bounds, &number)) return false;
        store_code(type, values, at, number + piece.result_zero);
      }
    }
    return true;
  }

  // Where `count` codes of a row are predicted, of which that of column `begin` is the
  // first; it is element `first` behind `base`.
  [[gnu::always_inline]] void find_places(const ValueType& type, const Piece& piece,
                                          Bounds bounds, uint32_t begin, uint32_t count,
                                          const uint8_t* base, uint64_t first,
                                          CodePlaces* places) const {
    const auto from_at = [&](uint32_t i) {
      return load_code(type, base, first + i) - piece.base_zero;
    };
    const auto setting = [&](int32_t gain, int32_t shift) {
      return gain != type.gain_one() || shift != 0 ? 1u : 0u;
    };
    if (piece.axis != GainAxis::column && piece.ranks == 0) {
      std::array<int16_t, CodePlaces::kMost> from;
      for (uint32_t i = 0; i < count; ++i) from[i] = static_cast<int16_t>(from_at(i));
      places->set_line(0, count, from.data(), gains_.of_row(), 0, bounds,
                       setting(gains_.of_row(), 0));
    } else {
      for (uint32_t i = 0; i < count; ++i) {
        const int32_t gain = gain_at(piece, begin + i);
        const int32_t shift = shift_at(piece, begin + i);
        const int32_t moved = shift >> (kShiftBits - type.gain_bits);
        places->set(i, from_at(i) * gain + moved, bounds, setting(gain, shift));
      }
    }
    places->set_phases(0, count);
  }

  template <typename Coder>
  bool code_integers(Coder& home, const ValueType& type, const Piece& piece, uint32_t count,
                     const uint8_t* base, uint8_t* values) {
    Held held(home);
    Coder& coder = held.coder();
    MatrixSpread::Row spread(spread_);
    ResidualModel::Run residuals(residuals_);
    for (uint32_t j = 0; j < count; ++j, base += type.bytes, values += type.bytes) {
      Guess guess = {static_cast<int64_t>(load_number(type, base)), ResidualModel::kMiddle};
      if (type.gain_bits != 0) {
        const int64_t shift =
            int64_t{shift_at(piece, j)} * (1 << (type.gain_bits - kShiftBits));
        const int64_t eighths =
            (guess.order * gain_at(piece, j) + shift + type.gain_one() / 2) >>
            (type.gain_bits - 3);
        guess = {eighths >> 3, static_cast<uint32_t>(eighths & 7)};
      }
      const int64_t coded = code_by_residual(coder, type, guess, 0, &residuals, &spread,
                                             load_number(type, values));
      store_bits(type, values, static_cast<uint64_t>(coded));
      spread.next_column();
    }
    return true;
  }

  // All depends on the format, and much on whether there are gains and ranks: one loop for
  // each.
  template <typename Coder>
  bool code_floats(Coder& coder, const ValueType& type, const Piece& piece, uint32_t count,
                   const uint8_t* base, uint8_t* values) {
    const bool is_plain =
        piece.axis == GainAxis::none && (piece.ranks == 0 || !ranks_.has_shifts());
    const auto code = [&]<Dtype dtype>() {
      return is_plain ? code_floats_of<dtype, true>(coder, piece, count, base, values)
                      : code_floats_of<dtype, false>(coder, piece, count, base, values);
    };
    if (type.gain_bits == 0 && type.bytes == 4) {  // of an unusual format
      code_whole_floats(coder, type, count, base, values);
      return true;
    }
    switch (type.format.mantissa_bits) {
      case kF16.mantissa_bits:
        return code.template operator()<Dtype::f16>();
      case kBf16.mantissa_bits:
        return code.template operator()<Dtype::bf16>();
      case kF32.mantissa_bits:
        return code.template operator()<Dtype::f32>();
      default:
        return code.template operator()<Dtype::f64>();
    }
  }

  template <Dtype dtype, bool is_plain, typename Coder>
  bool code_floats_of(Coder& home, const Piece& piece, uint32_t count, const uint8_t* base,
                      uint8_t* values) {
    Held held(home);
    if constexpr (value_type_of(dtype).gain_bits == 0) {
      code_whole_floats(held.coder(), value_type_of(dtype), count, base, values);
    } else if constexpr (is_plain) {
      floats_.code_row<dtype>(held.coder(), &spread_, FloatModel::NoMoves(), count, base,
                              values);
    } else {
      const auto move_at = [&](uint32_t column) {
        return FloatMove{gain_at(piece, column), shift_at(piece, column), piece.exponent};
      };
      floats_.code_row<dtype>(held.coder(), &spread_, move_at, count, base, values);
    }
    return true;
  }

  // Floats that have neither gain nor shift, by their place among all floats.
  template <typename Coder>
  void code_whole_floats(Coder& coder, const ValueType& type, uint32_t count,
                         const uint8_t* base, uint8_t* values) {
    const FloatFormat format = type.format;
    MatrixSpread::Row spread(spread_);
    ResidualModel::Run residuals(residuals_);
    for (uint32_t j = 0; j < count; ++j, base += type.bytes, values += type.bytes) {
      const Guess guess = {to_order(format, load_bits(type, base)), ResidualModel::kMiddle};
      const auto order = static_cast<uint64_t>(to_order(format, load_bits(type, values)));
      const int64_t coded = code_by_residual(
          coder, type, guess, exponent_at(format, guess.order), &residuals, &spread, order);
      store_bits(type, values, from_order(format, coded));
      spread.next_column();
    }
  }

  // `number` is modulo 2^64; residuals are taken modulo the width of the type.
  template <typename Coder>
  [[gnu::always_inline]] int64_t code_by_residual(Coder& coder, const ValueType& type,
                                                  const Guess& guess, int32_t exponent,
                                                  ResidualModel::Run* residuals,
                                                  MatrixSpread::Row* spread,
                                                  uint64_t number) {
    const uint64_t difference = number - static_cast<uint64_t>(guess.order);
    const ResidualPlace at =
        ResidualModel::place(spread->expected(), exponent, guess.phase);
    const int64_t residual =
        residuals->code_at(coder, extend_sign(type, difference), exponent, at, spread);
    return extend_sign(
        type, static_cast<uint64_t>(guess.order) + static_cast<uint64_t>(residual));
  }

  NumberModel elements_{};
  TreeModel<2> method_{};
  NumberModel zero_{};
  NumberModel greatest_{};
  NumberModel columns_{};
  TreeModel<2> axis_{};
  GainModel gains_;
  RankModel ranks_;

  CodeModel codes_{};
  ResidualModel residuals_{};
  MatrixSpread spread_;
  FloatModel floats_{};
  DirectCodeModel direct_codes_{};
  DirectFloatModel direct_floats_{};
  ResidualModel direct_integers_{};
  Spread direct_spread_{};
  TreeModel<8> byte_{};
};

}  // namespace mallorn
