// What the models of libcommon/core make of fixed inputs. Every patch depends on these
// numbers: if they change, so does the format. New ones are printed, ready to be put here,
// by
//
//     meson test -C build libcommon; build/tests/libcommon/libcommon-test -tc="models:
//     pinned*"
#pragma once

#include <cstddef>
#include <cstdint>

namespace mallorn::test {

struct ModelPin {
  const char* input;
  size_t coded_bytes;
  uint32_t crc32c;  // of the coded bytes
};

constexpr ModelPin kModelPins[] = {
    {"numbers", 0, 0}, {"steps", 0, 0},       {"zeros", 0, 0},       {"noise", 0, 0},
    {"text", 0, 0},    {"edited base", 0, 0}, {"moved words", 0, 0},
};

}  // namespace mallorn::test
