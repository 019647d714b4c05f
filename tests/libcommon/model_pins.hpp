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
    {"numbers", 2363, 0xA92E7072},    {"steps", 1422, 0xEA38A862},
    {"zeros", 3, 0xD0749729},         {"noise", 1009, 0xC8B73280},
    {"text", 2370, 0xE7E1EBEB},       {"edited base", 275, 0xA620D39E},
    {"moved words", 360, 0x5D8DBB35},
};

}  // namespace mallorn::test
