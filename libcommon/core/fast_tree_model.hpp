// FastTreeModel: a TreeModel for loops that do little else (docs/format/structure.md,
// "Numbers"). Same bits, in fewer instructions.
//
// What is below either bit is loaded before the bit is known, so that the next bit does not
// wait for memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "libcommon/core/bit_model.hpp"

namespace mallorn {

template <unsigned Bits>
class FastTreeModel {
 public:
  template <typename Coder>
  [[gnu::always_inline]] uint32_t code(Coder& coder, uint32_t symbol, uint32_t limit) {
    uint32_t node = 1;
    BitModel now = nodes_[1];
    const auto step = [&](auto place) __attribute__((always_inline)) {
      constexpr uint32_t i = Bits - 1 - place();
      const uint32_t below = i > 0 ? 2 * node : 0;
      const BitModel of_zero = nodes_[below];
      const BitModel of_one = nodes_[below + 1];
      const uint32_t bit = now.code_part(coder, (symbol >> i) & 1u, limit);
      nodes_[node] = now;
      node = 2 * node + bit;
      now = BitModel::either(of_zero, of_one, bit);
    };
    [&]<size_t... place>(std::index_sequence<place...>) __attribute__((always_inline)) {
      (step(std::integral_constant<size_t, place>()), ...);
    }
    (std::make_index_sequence<Bits>());
    return node - (1u << Bits);
  }

 private:
  std::array<BitModel, size_t{1} << Bits> nodes_{};
};

}  // namespace mallorn
