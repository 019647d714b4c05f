// EditModel: codes which elements of an array are still those of the base, which have one
// of few values, and which are neither (docs/format/edits.md). One text for encoder and
// decoder.
//
// Where most elements stay what they are, or most of those that do not become the same
// value (pruning makes zeros, clipping a bound), each is expected to be something, and one
// bit says whether it is. Pruning and clipping look at how large an element was: cuts
// through the order of elements tell what is expected of those between two of them.
//
//   base      |   same   |        zero        |   same   |
//             -----------+--------- 0 --------+----------->
//                       cut                  cut
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/edit_value.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

constexpr uint32_t kMaxSpecials = 3;
constexpr uint32_t kMaxCuts = 7;

// What becomes of an element: same, other, or a special value, from kFirstSpecial on.
constexpr uint32_t kEditSame = 0;
constexpr uint32_t kEditOther = 1;
constexpr uint32_t kFirstSpecial = 2;

// Floats of the base are multiplied before anything else looks at them: by nothing, by one
// factor, or by one for each row.
enum class FactorKind : uint8_t { none = 0, one = 1, by_row = 2 };

// A run of elements of which the same is expected; all values are bits of elements.
struct EditPiece {
  uint64_t elements = 0;
  uint64_t row = 0;  // elements of a row of the matrix; 0: not known
  FactorKind factors = FactorKind::none;
  uint32_t special_count = 0;
  std::array<uint64_t, kMaxSpecials> specials{};
  uint32_t cut_count = 0;
  std::array<uint64_t, kMaxCuts> cuts{};  // in ascending order
  // What is expected below the first cut, from there to the second, and so on.
  std::array<uint8_t, kMaxCuts + 1> labels{};
};

class EditModel {
 public:
  // Codes what stands before the elements of a piece; `room` elements are left. False if a
  // decoder has got what no encoder writes.
  template <typename Coder>
  [[nodiscard]] bool code_head(Coder& coder, const ValueType& type, uint64_t room,
                               EditPiece* piece) {
    const uint32_t width = 8 * type.bytes;
    piece->elements = elements_.code(coder, piece->elements);
    if (piece->elements == 0 || piece->elements > room) return false;
    piece->row = row_.code(coder, piece->row);
    if (piece->row > piece->elements) return false;
    if (has_factors(type)) {
      const uint32_t kind = factors_.code(coder, static_cast<uint32_t>(piece->factors));
      if (kind > static_cast<uint32_t>(FactorKind::by_row)) return false;
      piece->factors = static_cast<FactorKind>(kind);
      if (piece->factors == FactorKind::by_row && piece->row == 0) return false;
    }
    piece->special_count = special_count_.code(coder, piece->special_count);
    for (uint32_t i = 0; i < piece->special_count; ++i) {
      piece->specials[i] = code_raw(coder, piece->specials[i], width);
    }
    piece->cut_count = cut_count_.code(coder, piece->cut_count);
    for (uint32_t i = 0; i < piece->cut_count; ++i) {
      piece->cuts[i] = code_raw(coder, piece->cuts[i], width);
      order_[i] = edit_order(type, piece->cuts[i]);
      if (i > 0 && order_[i] <= order_[i - 1]) return false;
    }
    for (uint32_t i = 0; i <= piece->cut_count; ++i) {
      piece->labels[i] = static_cast<uint8_t>(label_.code(coder, piece->labels[i]));
      if (piece->labels[i] >= kFirstSpecial + piece->special_count) return false;
    }
    begin_piece(type, *piece);
    return true;
  }

  // Codes a factor, which stands before the elements that are multiplied by it.
  template <typename Coder>
  static uint32_t code_factor(Coder& coder, uint32_t factor) {
    return coder.code_bits(factor, 32);
  }

  // What is expected to become of an element, `bits` in the base.
  uint32_t expected(const ValueType& type, const EditPiece& piece, uint64_t bits) const {
    uint32_t part = 0;
    uint32_t band = 0;
    if (cut_count_now_ != 0) find_place(type, bits, &part, &band);
    return piece.labels[part];
  }

  // Codes what becomes of the next element of the piece, `bits` in the base; `above`:
  // whether what became of the one above it in the matrix was not expected. `is_strange` is
  // set to whether this is not. What a decoder gets may be no edit of the piece.
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code_edit(Coder& coder, const ValueType& type,
                                            const EditPiece& piece, uint64_t bits,
                                            uint32_t above, uint32_t edit,
                                            uint32_t* is_strange) {
    uint32_t part = 0;
    uint32_t band = 0;
    if (cut_count_now_ != 0) find_place(type, bits, &part, &band);
    const uint32_t expected = piece.labels[part];
    BitModel& model = strange_[part][band][8 * level() + 2 * last_ + above];
    *is_strange = model.code(coder, edit != expected ? 1 : 0, kLimit);
    learn(*is_strange);
    if (*is_strange == 0) return expected;
    return edits_[part].code(coder, edit, kLimit);
  }

 private:
  static constexpr uint32_t kLimit = 255;
  static constexpr uint32_t kBands = 8;

  template <typename Coder>
  static uint64_t code_raw(Coder& coder, uint64_t bits, uint32_t width) {
    uint64_t coded = 0;
    if (width > 32)
      coded = uint64_t{coder.code_bits(static_cast<uint32_t>(bits >> 32), 32)} << 32;
    return coded | coder.code_bits(static_cast<uint32_t>(bits), width < 32 ? width : 32);
  }

  void begin_piece(const ValueType& type, const EditPiece& piece) {
    cut_count_now_ = piece.cut_count;
    down_ = type.kind == ValueKind::floating ? type.format.mantissa_bits - 4 : 0;
    last_ = 0;
    activity_ = 0;
  }

  // Between which cuts an element lies, and how far from the nearer one: in codes, or by
  // the bit length of that, of floats in 16ths of what is between two powers of two.
  [[gnu::always_inline]] void find_place(const ValueType& type, uint64_t bits,
                                         uint32_t* part, uint32_t* band) const {
    const int64_t order = edit_order(type, bits);
    uint32_t at = 0;
    while (at < cut_count_now_ && order >= order_[at]) ++at;
    const auto number = static_cast<uint64_t>(order);
    uint64_t distance = UINT64_MAX;
    if (at > 0) distance = number - static_cast<uint64_t>(order_[at - 1]);
    if (at < cut_count_now_) {
      const uint64_t up = static_cast<uint64_t>(order_[at]) - 1 - number;
      distance = up < distance ? up : distance;
    }
    distance >>= down_;
    if (type.kind != ValueKind::code)
      distance = static_cast<uint64_t>(std::bit_width(distance));
    *part = at;
    *band = static_cast<uint32_t>(distance < kBands ? distance : kBands - 1);
  }

  // How much has not been expected lately.
  uint32_t level() const {
    return (activity_ >= 512 ? 1u : 0u) + (activity_ >= 4096 ? 1u : 0u) +
           (activity_ >= 16384 ? 1u : 0u);
  }
  void learn(uint32_t is_strange) {
    activity_ += 2048 * is_strange - (activity_ >> 5);
    last_ = (2 * last_ + is_strange) & 3;
  }

  NumberModel elements_;
  NumberModel row_;
  TreeModel<2> factors_;
  TreeModel<2> special_count_;
  TreeModel<3> cut_count_;
  TreeModel<3> label_;
  std::array<TreeModel<3>, kMaxCuts + 1> edits_{};

  // By what is between two cuts, band, and level, the last two, and the one above.
  std::array<std::array<std::array<BitModel, 32>, kBands>, kMaxCuts + 1> strange_{};
  // Of the piece being coded.
  std::array<int64_t, kMaxCuts> order_{};
  uint32_t cut_count_now_ = 0;
  uint32_t down_ = 0;
  uint32_t activity_ = 0;
  uint32_t last_ = 0;  // two, the latest lowest
};

}  // namespace mallorn
