// Mixes what several models say of a bit (docs/format/mixed.md, "Bits").
//
// In the domain of logarithms of odds a weighted sum of opinions is again an opinion. The
// weights are learned: a model that has been right counts more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/logistic.hpp"

namespace mallorn {

constexpr size_t kMixedInputs = 5;
using MixedInputs = std::array<int32_t, kMixedInputs>;

class Mixer {
 public:
  // The stretch that the opinions come to.
  int32_t mix(const MixedInputs& inputs) const {
    int64_t sum = 0;
    for (size_t i = 0; i < kMixedInputs; ++i) sum += int64_t{weights_[i]} * inputs[i];
    sum >>= 16;
    return sum > kMaxStretch    ? kMaxStretch
           : sum < -kMaxStretch ? -kMaxStretch
                                : static_cast<int32_t>(sum);
  }

  // `mixed` is what mix() has returned for them.
  void learn(const MixedInputs& inputs, int32_t mixed, uint32_t bit) {
    const int64_t missed = (bit != 0 ? 65535 : 0) - squash(mixed);
    const int64_t rate = 6 + 3600 / (75 + count_);
    if (count_ < kMaxCount) ++count_;
    for (size_t i = 0; i < kMixedInputs; ++i) {
      const int64_t learned =
          weights_[i] + ((inputs[i] * missed * rate + (int64_t{1} << 19)) >> 20);
      weights_[i] = static_cast<int32_t>(learned > kMostWeight    ? kMostWeight
                                         : learned < -kMostWeight ? -kMostWeight
                                                                  : learned);
    }
  }

 private:
  static constexpr int32_t kMaxCount = 4095;
  static constexpr int64_t kMostWeight = 1 << 22;

  // In units of 1/65536: first those of laws, then those of contexts.
  std::array<int32_t, kMixedInputs> weights_ = {31130, 31130, 1966, 1966, 1966};
  int32_t count_ = 0;
};

// What a stretch has come to mean: 33 probabilities, with straight lines between them.
class Refiner {
 public:
  constexpr Refiner() {
    for (size_t i = 0; i < knots_.size(); ++i) {
      knots_[i] = static_cast<uint16_t>(squash(128 * static_cast<int32_t>(i) - 2048));
    }
  }

  int32_t refine(int32_t stretch) const {
    const auto shifted = static_cast<uint32_t>(stretch + 2048);
    const uint32_t knot = shifted >> 7;
    const auto part = static_cast<int32_t>(shifted & 127u);
    return (knots_[knot] * (128 - part) + knots_[knot + 1] * part) >> 7;
  }

  void learn(int32_t stretch, uint32_t bit) {
    uint16_t& nearest = knots_[static_cast<uint32_t>(stretch + 2048 + 64) >> 7];
    nearest = static_cast<uint16_t>(nearest + (((bit != 0 ? 65535 : 0) - nearest) >> 6));
  }

 private:
  std::array<uint16_t, 33> knots_{};
};

}  // namespace mallorn
