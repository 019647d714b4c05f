// How likely a number is to be above or below a bound if it is spread normally about what
// is expected of it (docs/format/mixed.md, "Normal law"). Integers only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mallorn {

namespace normal {

// 2^23 times the probability of a deviation that is below i / 16 of the mean deviation;
// the definition of the law, printed in the spec.
constexpr std::array<int32_t, 97> kKnots = {
    0,       333634,  666439,  997594,  1326287, 1651728, 1973149, 2289810, 2601008,
    2906077, 3204395, 3495388, 3778530, 4053349, 4319428, 4576405, 4823974, 5061888,
    5289956, 5508042, 5716066, 5913998, 6101861, 6279724, 6447702, 6605949, 6754660,
    6894062, 7024412, 7145998, 7259125, 7364121, 7461328, 7551102, 7633803, 7709801,
    7779466, 7843165, 7901267, 7954130, 8002108, 8045544, 8084771, 8120108, 8151862,
    8180326, 8205777, 8228477, 8248674, 8266598, 8282467, 8296481, 8308825, 8319673,
    8329181, 8337495, 8344747, 8351055, 8356530, 8361270, 8365364, 8368890, 8371919,
    8374516, 8376737, 8378630, 8380242, 8381609, 8382767, 8383744, 8384567, 8385259,
    8385839, 8386324, 8386728, 8387065, 8387344, 8387575, 8387766, 8387923, 8388052,
    8388158, 8388245, 8388315, 8388373, 8388419, 8388457, 8388488, 8388512, 8388532,
    8388548, 8388560, 8388570, 8388578, 8388585, 8388590, 8388594};

}  // namespace normal

// Bounds are within +-2^30.
class NormalLaw {
 public:
  constexpr NormalLaw() = default;
  // `expected` is within +-2^30, `deviation`, the mean one, from 0 to 2^30.
  constexpr NormalLaw(int64_t expected, int64_t deviation)
      : expected_(expected), inverse_((int64_t{1} << 40) / (deviation + kLeast)) {}

  // 2^23 times the probability of being below `bound`, less a half; and a little that
  // grows evenly, so that nothing is impossible.
  constexpr int64_t below(int64_t bound) const {
    const int64_t place = ((bound - expected_) * inverse_) >> 28;  // 4096: mean deviation
    const int64_t size = place < 0 ? -place : place;
    const int64_t near = size < kFarthest ? size : kFarthest;
    const auto knot = static_cast<size_t>(near >> 8);
    const int64_t from = normal::kKnots[knot];
    const int64_t part = from + (((normal::kKnots[knot + 1] - from) * (near & 255)) >> 8);
    return (place < 0 ? -part : part) + (bound >> 16);
  }

 private:
  static constexpr int64_t kLeast = 1024;
  static constexpr int64_t kFarthest = 6 * 4096 - 1;

  int64_t expected_ = 0;
  int64_t inverse_ = 0;
};

// The probability, of 4096, that a number between two bounds lies above a third one
// between them, given what below() says of the three.
constexpr uint32_t share_above(int64_t low, int64_t middle, int64_t high) {
  constexpr int64_t kEven = 32;  // where the law says next to nothing, a half
  return static_cast<uint32_t>((((high - middle) << 12) + kEven * 2048) /
                               (high - low + kEven));
}

}  // namespace mallorn
