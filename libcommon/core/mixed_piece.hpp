// The pieces of sections of codec `mixed` (docs/format/mixed.md), and how their heads are
// coded: what holds for all elements of a piece. One text for encoder and decoder.
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/rank_model.hpp"
#include "libcommon/core/value_type.hpp"

namespace mallorn {

enum class MixedMethod : uint8_t {
  dense = 0,   // elements
  sparse = 1,  // the same where many are zero: of each it is said first whether it is
  bytes = 2,   // what fills no element: bytes as they are
};

// What an element is expected to follow: elements before it, along one of three axes, or
// that of the base.
enum class MixedAxis : uint8_t { channel = 0, row = 1, rows = 2, base = 3 };

struct MixedSource {
  MixedAxis axis = MixedAxis::base;
  uint64_t distance = 0;  // so many steps back
  int32_t weight = 0;     // in units of 1/1024
};

constexpr uint32_t kMaxMixedSources = 6;
constexpr int32_t kMaxMixedWeight = 1 << 14;
constexpr int32_t kMixedMeanUnit = 1 << 14;

// What is coded of a piece before its elements.
struct MixedPiece {
  uint64_t elements = 0;  // bytes, for method bytes
  MixedMethod method = MixedMethod::dense;
  int32_t zero = 0;       // of codes: what stands for zero
  uint32_t greatest = 0;  // of floats: MixedNumbers
  uint64_t row = 1;       // elements of a row
  uint64_t channels = 1;  // of these, elements along the fastest axis
  int32_t mean = 0;       // of all, in units of kMixedMeanUnit
  uint32_t source_count = 0;
  std::array<MixedSource, kMaxMixedSources> sources{};

  constexpr uint64_t bytes(const ValueType& type) const {
    return method == MixedMethod::bytes ? elements : elements * type.bytes;
  }

  // The elements that one step along an axis passes over, and those after which it begins
  // anew.
  constexpr uint64_t stride(MixedAxis axis) const {
    return axis == MixedAxis::channel ? 1 : axis == MixedAxis::row ? channels : row;
  }
  constexpr uint64_t period(MixedAxis axis) const {
    return axis == MixedAxis::channel ? channels : axis == MixedAxis::row ? row : elements;
  }
};

class MixedHeadModel {
 public:
  // As ValueModel::code_head().
  template <typename Coder>
  [[nodiscard]] bool code(Coder& coder, const ValueType& type, bool has_base, uint64_t room,
                          MixedPiece* piece) {
    piece->elements = elements_.code(coder, piece->elements);
    piece->method =
        static_cast<MixedMethod>(method_.code(coder, static_cast<uint32_t>(piece->method)));
    const bool is_bytes = piece->method == MixedMethod::bytes;
    if (piece->method > MixedMethod::bytes || piece->elements == 0 ||
        piece->elements > room / (is_bytes ? 1 : type.bytes)) {
      return false;
    }
    return is_bytes || (code_unit(coder, type, piece) && code_matrix(coder, piece) &&
                        code_sources(coder, has_base, piece));
  }

 private:
  template <typename Coder>
  bool code_unit(Coder& coder, const ValueType& type, MixedPiece* piece) {
    if (type.kind == ValueKind::code) {
      const int64_t zero = code_signed(coder, zero_, piece->zero);
      piece->zero = static_cast<int32_t>(zero);
      return zero >= -128 && zero <= 255;
    }
    if (type.kind != ValueKind::floating) return true;
    const uint64_t greatest = greatest_.code(coder, piece->greatest);
    piece->greatest = static_cast<uint32_t>(greatest);
    return greatest <= type.format.infinity() >> type.format.mantissa_bits;
  }

  template <typename Coder>
  bool code_matrix(Coder& coder, MixedPiece* piece) {
    piece->row = row_length_.code(coder, piece->row);
    piece->channels = channels_.code(coder, piece->channels);
    const int64_t mean = code_signed(coder, mean_, piece->mean);
    piece->mean = static_cast<int32_t>(mean);
    return piece->row != 0 && piece->row <= piece->elements && piece->channels != 0 &&
           piece->channels <= piece->row && mean >= -65536 && mean <= 65536;
  }

  template <typename Coder>
  bool code_sources(Coder& coder, bool has_base, MixedPiece* piece) {
    piece->source_count = source_count_.code(coder, piece->source_count);
    if (piece->source_count > kMaxMixedSources) return false;
    for (uint32_t i = 0; i < piece->source_count; ++i) {
      if (!code_source(coder, has_base, *piece, &piece->sources[i])) return false;
    }
    return true;
  }

  template <typename Coder>
  bool code_source(Coder& coder, bool has_base, const MixedPiece& piece,
                   MixedSource* source) {
    source->axis =
        static_cast<MixedAxis>(axis_.code(coder, static_cast<uint32_t>(source->axis)));
    if (source->axis == MixedAxis::base) {
      if (!has_base) return false;
    } else {
      source->distance = distance_.code(coder, source->distance);
      const uint64_t most = piece.elements / piece.stride(source->axis);
      if (source->distance == 0 || source->distance > most) return false;
    }
    const int64_t weight = code_signed(coder, weight_, source->weight);
    source->weight = static_cast<int32_t>(weight);
    return weight >= -kMaxMixedWeight && weight <= kMaxMixedWeight;
  }

  NumberModel elements_{};
  TreeModel<2> method_{};
  NumberModel zero_{};
  NumberModel greatest_{};
  NumberModel row_length_{};
  NumberModel channels_{};
  NumberModel mean_{};
  TreeModel<3> source_count_{};
  TreeModel<2> axis_{};
  NumberModel distance_{};
  NumberModel weight_{};
};

}  // namespace mallorn
