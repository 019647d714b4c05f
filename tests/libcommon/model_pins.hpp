// What the models of libcommon/core make of fixed inputs. Every patch depends on these
// numbers: if they change, so does the format. A test that fails prints the lines that
// would be right now:
//
//     build/tests/libcommon/libcommon-test -tc='models: pinned*' | grep '{"'
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "libcommon/core/crc32c.hpp"

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
    {"moved words", 360, 0x5D8DBB35}, {"derived", 800, 0xE56301DA},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3444, 0x09271B8B},   {"q4_1", 2990, 0x83FD7241},
    {"q5_0", 4084, 0x0FC6E0FC},   {"q5_1", 3545, 0x874A3EDA},
    {"q8_0", 6481, 0x2F90DA5C},   {"q2_k", 9993, 0x0E6B41E7},
    {"q3_k", 16925, 0x8C99C830},  {"q4_k", 20441, 0x85D95C52},
    {"q5_k", 24990, 0xE52F7EC3},  {"q6_k", 31679, 0x14F487CF},
    {"iq4_nl", 3535, 0xC468D0A5}, {"iq4_xs", 22098, 0x0D349186},
    {"mxfp4", 3919, 0xE484D55E},  {"bytes", 126, 0x2A102CC2},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 465, 0x398D2E83},
    {"two", 697, 0x2DF70B19},
    {"full and empty", 8, 0x9E512DB9},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4808, 0xA4FF1544},
    {"mixed", 2290, 0x0E129CB9},
    {"extremes", 2725, 0x07C9099B},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 5965, 0x41E3686F},   {"u8", 5967, 0xBB0DFFE0},   {"i16", 8623, 0x28D9381D},
    {"u16", 8696, 0xDD82E423},  {"i32", 12368, 0xB4741447}, {"u32", 12788, 0x3CEA82B3},
    {"i64", 25316, 0xD5760AB4}, {"u64", 25316, 0xD5760AB4}, {"f16", 7277, 0x9157FBC7},
    {"bf16", 6631, 0xC7863F64}, {"f32", 14418, 0x58CDF5C9}, {"f64", 22726, 0xCAEAA0FF},
};

// Compares what models have coded with pins, and prints what these would be now.
class PinCheck {
 public:
  void check(const ModelPin& pin, ByteView coded) {
    const uint32_t crc = crc32c(0, coded);
    char line[100];
    std::snprintf(line, sizeof(line), "    {\"%s\", %zu, 0x%08X},\n", pin.input,
                  coded.size(), crc);
    now_ += line;
    is_changed_ = is_changed_ || coded.size() != pin.coded_bytes || crc != pin.crc32c;
  }

  bool is_changed() const { return is_changed_; }
  std::string now() const {
    return "the format has changed; tests/libcommon/model_pins.hpp would be\n" + now_;
  }

 private:
  std::string now_;
  bool is_changed_ = false;
};

}  // namespace mallorn::test
