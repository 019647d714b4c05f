// What the models of libcommon/core make of fixed inputs. Every patch depends on these
// numbers: if they change, so does the format. A test that fails prints the lines that
// would be right now:
//
//     build/tests/libcommon/libcommon-test -tc='models: pinned*' | grep '{"'
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
    {"numbers", 2363, 0xA92E7072},    {"steps", 1412, 0x2A0ABF6C},
    {"zeros", 3, 0xD0749729},         {"noise", 1011, 0xE25F8AD7},
    {"text", 2385, 0x3371218A},       {"edited base", 270, 0x201F5EA2},
    {"moved words", 372, 0xEF413AB6},
};

}  // namespace mallorn::test
