// Seeded randomness for property tests. Such a test takes its Random from seeded(): the
// seed is new in each run and printed, and $MALLORN_TEST_SEED repeats a run.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn::test {

using Bytes = std::vector<uint8_t>;

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t operator()() { return engine_(); }
  // 0 … limit - 1; `limit` is not 0.
  uint64_t below(uint64_t limit) { return engine_() % limit; }
  bool chance(uint64_t one_in) { return below(one_in) == 0; }
  uint8_t byte() { return static_cast<uint8_t>(engine_()); }

  Bytes bytes(size_t size) {
    Bytes made(size);
    for (uint8_t& value : made) value = byte();
    return made;
  }
  // Bytes as metadata has them: few values, repeats, runs.
  Bytes text(size_t size) {
    Bytes made(size);
    for (size_t i = 0; i < size; ++i) {
      const bool repeats = i > 40 && !chance(4);
      made[i] = repeats ? made[i - 40] : static_cast<uint8_t>('a' + below(16));
    }
    return made;
  }
  // `bytes` with about one in `rarity` moved by one or replaced.
  Bytes changed(Bytes bytes, uint64_t rarity) {
    for (uint8_t& value : bytes) {
      if (chance(rarity)) value = static_cast<uint8_t>(chance(3) ? byte() : value + 1);
    }
    return bytes;
  }
  // Lengths of every order of magnitude up to `most`, 0 and `most` among them.
  size_t length(size_t most) {
    const uint64_t bits = below(66);
    if (bits == 64) return 0;
    if (bits == 65) return most;
    return static_cast<size_t>((engine_() >> bits) % (most + 1));
  }

 private:
  std::mt19937_64 engine_;
};

// A generator whose seed is printed; $MALLORN_TEST_SEED sets it.
inline Random seeded(const std::string& property) {
  const char* given = std::getenv("MALLORN_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  MESSAGE(property << ": MALLORN_TEST_SEED=" << seed);
  return Random(seed);
}

}  // namespace mallorn::test
