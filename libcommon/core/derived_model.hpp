// DerivedModel: codes binary32 numbers of the result that follow from others of it, times a
// factor (docs/format/structure.md, "Derived").
//
// A quantized model states some things twice: a bias has the scale of the input times that
// of the weights, and the largest weight is 127 times the scale. What is coded is how far a
// number is from the product, in units of its last place: nearly always 0.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"

namespace mallorn {

class DerivedModel {
 public:
  void begin_chunk() { start_anew(this); }
  void begin_step() { before_ = 0; }

  // Codes number - product, mod 2^32. A decoder gets any value.
  template <typename Coder>
  uint32_t code(Coder& coder, uint32_t correction) {
    const uint32_t folded = correction << 1 ^ (0 - (correction >> 31));
    const auto coded =
        static_cast<uint32_t>(correction_[before_].code(coder, folded) & 0xFFFFFFFF);
    before_ = size_class(coded);
    return coded >> 1 ^ (0 - (coded & 1));
  }

 private:
  // None, one unit, some, unrelated.
  static uint32_t size_class(uint32_t folded) {
    return folded == 0 ? 0 : folded <= 2 ? 1 : folded < 256 ? 2 : 3;
  }

  std::array<NumberModel, 4> correction_{};  // by the size of the one before
  uint32_t before_ = 0;
};

}  // namespace mallorn
