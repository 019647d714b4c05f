// Loops over arrays, compiled twice: for any processor, and for those whose vectors are
// wider and whose shifts take any count. Both do the same.
#pragma once

#include <cstdint>

namespace mallorn::pack {

enum class Instructions : uint8_t { common, wide };

#if defined(__x86_64__)
// Of a function that is for Instructions::wide; so is all that it calls and that the
// compiler sees. Nothing that is not inlined into it is compiled otherwise than before.
#define MALLORN_WIDE __attribute__((target("avx2,bmi,bmi2"), flatten))
inline bool has_wide() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("bmi2") != 0;
}
#else
#define MALLORN_WIDE
inline bool has_wide() { return false; }
#endif

// The best that this processor has; found out once.
inline Instructions best_instructions() {
  static const Instructions best = has_wide() ? Instructions::wide : Instructions::common;
  return best;
}

}  // namespace mallorn::pack
