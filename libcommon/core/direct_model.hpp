// Models of numbers that nothing predicts (docs/format/values.md, "Direct").
#pragma once

#include <array>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/fast_tree_model.hpp"
#include "libcommon/core/float_value.hpp"

namespace mallorn {

// Numbers from -128 to 127, by their frequency.
class DirectCodeModel {
 public:
  template <typename Coder>
  [[gnu::always_inline]] int32_t code(Coder& coder, int32_t number) {
    return static_cast<int32_t>(
               tree_.code(coder, static_cast<uint32_t>(number + 128), kLimit)) -
           128;
  }

  // The same where zeros come in runs, as where channels are dead.
  template <typename Coder>
  [[gnu::always_inline]] int32_t code_sparse(Coder& coder, int32_t number) {
    const bool is_zero = zero_[zeros_].code(coder, number == 0 ? 1 : 0, kLimit) != 0;
    zeros_ = (2 * zeros_ + (is_zero ? 1u : 0u)) & 15u;
    if (is_zero) return 0;
    const bool is_negative = negative_.code_part(coder, number < 0 ? 1 : 0, kLimit) != 0;
    const uint32_t size =
        static_cast<uint32_t>(number < 0 ? -1 - number : number - 1) & 127u;
    const auto coded = static_cast<int32_t>(size_.code(coder, size, kLimit));
    return is_negative ? -1 - coded : coded + 1;
  }

 private:
  static constexpr uint32_t kLimit = 126;

  FastTreeModel<8> tree_{};
  std::array<BitModel, 16> zero_{};  // by the last four
  uint32_t zeros_ = 0;
  BitModel negative_{};
  FastTreeModel<7> size_{};
};

// Floats: by how much the exponent is below the greatest, the sign, three bits of the
// mantissa in that context, the rest as it is.
class DirectFloatModel {
 public:
  // `greatest` is no less than any exponent field to come.
  template <typename Coder>
  [[gnu::always_inline]] int64_t code(Coder& coder, FloatFormat format, uint32_t greatest,
                                      int64_t order) {
    const auto magnitude = static_cast<uint64_t>(order < 0 ? -1 - order : order);
    const uint64_t depth = code_depth(
        coder, greatest - static_cast<uint32_t>(magnitude >> format.mantissa_bits));
    const bool is_negative = negative_.code_part(coder, order < 0 ? 1 : 0, kLimit) != 0;
    uint32_t left = format.mantissa_bits - kModelled;
    uint64_t coded = top_[static_cast<size_t>(depth < kDepths ? depth : kDepths)].code(
        coder, static_cast<uint32_t>(magnitude >> left) & ((1u << kModelled) - 1), kLimit);
    while (left > 0) {
      const uint32_t count = left < 16 ? left : 16;
      left -= count;
      const auto part = static_cast<uint32_t>(magnitude >> left) & ((1u << count) - 1);
      coded = coded << count | coder.code_bits(part, count);
    }
    const uint64_t field = depth < greatest ? greatest - depth : 0;
    coded += field << format.mantissa_bits;
    return static_cast<int64_t>(coded ^ (0 - uint64_t{is_negative}));
  }

 private:
  static constexpr uint32_t kLimit = 126;
  static constexpr uint32_t kDepths = 15;
  static constexpr uint32_t kModelled = 3;

  template <typename Coder>
  [[gnu::always_inline]] uint64_t code_depth(Coder& coder, uint32_t depth) {
    const uint32_t coded = depth_.code(coder, depth < kDepths ? depth : kDepths, kLimit);
    if (coded < kDepths) return coded;
    return kDepths + beyond_.code_rarely(coder, depth - kDepths);
  }

  FastTreeModel<4> depth_{};
  NumberModel beyond_{};
  BitModel negative_{};
  std::array<FastTreeModel<kModelled>, kDepths + 1> top_{};
};

}  // namespace mallorn
