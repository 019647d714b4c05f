// FastTreeModel: a TreeModel for loops that do little else (docs/format/structure.md,
// "Numbers"). Same bits, in fewer instructions.
//
// What is below either bit is loaded before the bit is known, so that the next bit does not
// wait for memory; probability and count are one number, so that this is one load each.
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
    Node now = nodes_[1];
    const auto step = [&](auto place) __attribute__((always_inline)) {
      constexpr uint32_t i = Bits - 1 - place();
      const uint32_t below = i > 0 ? 2 * node : 0;
      const Node of_zero = nodes_[below];
      const Node of_one = nodes_[below + 1];
      const uint32_t bit = now.code(coder, (symbol >> i) & 1u, limit);
      nodes_[node] = now;
      node = 2 * node + bit;
      // Without a branch.
      now.state = of_zero.state ^ ((of_zero.state ^ of_one.state) & (0u - bit));
    };
    [&]<size_t... place>(std::index_sequence<place...>) __attribute__((always_inline)) {
      (step(std::integral_constant<size_t, place>()), ...);
    }
    (std::make_index_sequence<Bits>());
    return node - (1u << Bits);
  }

 private:
  // A BitModel: the probability above, the count below.
  struct Node {
    uint32_t state = uint32_t{BitModel().p16} << 16;

    template <typename Coder>
    [[gnu::always_inline]] uint32_t code(Coder& coder, uint32_t bit, uint32_t limit) {
      const uint32_t p16 = state >> 16;
      const uint32_t count = state & 0xFFFF;
      if constexpr (requires { coder.code_chained(uint32_t{}, uint32_t{}); }) {
        bit = coder.code_chained(p16, bit);
      } else {
        bit = coder.code(p16, bit);
      }
      // Modulo 2^32, and rounded down whichever way it moves: the count stays out of it.
      const uint32_t target = BitModel::kLeast + ((0u - bit) & (65535u - BitModel::kLeast));
      const uint32_t move = (target - p16) * kRates[count];
      state += (move & 0xFFFF0000u) + ((count - limit) >> 31);
      return bit;
    }
  };

  std::array<Node, size_t{1} << Bits> nodes_{};
};

}  // namespace mallorn
