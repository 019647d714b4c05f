// Seeded randomness for property tests. Such a test takes its Random from seeded(): the
// same numbers in each run, so that one commit passes or fails everywhere.
// $MALLORN_TEST_SEED is another seed, and `random` looks for what no run has seen yet.
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
  size_t length(size_t most) { return static_cast<size_t>(long_length(most)); }
  // The same beyond what memory may hold.
  uint64_t long_length(uint64_t most) {
    const uint64_t bits = below(66);
    if (bits == 64) return 0;
    if (bits == 65) return most;
    return (engine_() >> bits) % (most + 1);
  }

 private:
  std::mt19937_64 engine_;
};

// What a property of this name begins from where nothing is given (FNV-1a).
inline uint64_t usual_seed(const std::string& property) {
  uint64_t seed = 14695981039346656037u;
  for (const char letter : property) {
    seed = (seed ^ static_cast<uint8_t>(letter)) * 1099511628211u;
  }
  return seed;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

// How often to repeat what is random. With sanitizers, for which a round takes ten times as
// long, a quarter: each round goes through the same code.
constexpr int rounds(int count) { return kIsSanitized ? (count + 3) / 4 : count; }

// A generator; a seed that is not the usual one is printed.
inline Random seeded(const std::string& property) {
  const char* given = std::getenv("MALLORN_TEST_SEED");
  if (given == nullptr) return Random(usual_seed(property));
  const bool is_any = std::string(given) == "random";
  const uint64_t seed = is_any ? std::random_device{}() : std::strtoull(given, nullptr, 10);
  MESSAGE(property << ": MALLORN_TEST_SEED=" << seed);
  return Random(seed);
}

}  // namespace mallorn::test
