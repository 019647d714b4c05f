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
    {"moved words", 360, 0x5D8DBB35}, {"derived", 800, 0xE56301DA},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole, and
// pieces with ranks.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3446, 0xAE285935},
    {"q4_1", 2992, 0x72EE3F9E},
    {"q5_0", 4085, 0x5199B2D9},
    {"q5_1", 3547, 0xF821E2BD},
    {"q8_0", 6483, 0xD748F941},
    {"q2_k", 9995, 0xE2529D33},
    {"q3_k", 16927, 0x0B47F727},
    {"q4_k", 20443, 0x3BE811BB},
    {"q5_k", 24992, 0xEBC283D6},
    {"q6_k", 31681, 0x77AB5F39},
    {"iq4_nl", 3537, 0x38CB67E0},
    {"iq4_xs", 22100, 0x3BC523FF},
    {"mxfp4", 3921, 0xB0D1EEA1},
    {"bytes", 126, 0x2A102CC2},
    {"q4_k with ranks", 12224, 0x4CCC0BF1},
    {"iq4_nl with ranks", 4294, 0xB9E8580F},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 465, 0x398D2E83},
    {"two", 697, 0x2DF70B19},
    {"full and empty", 8, 0x9E512DB9},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4813, 0x95A7B8A7},
    {"mixed", 2237, 0x1F5438CD},
    {"extremes", 2707, 0xC411B0D9},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 5986, 0x21A594AD},   {"u8", 5988, 0xBD5C3E78},   {"i16", 8579, 0xE166F455},
    {"u16", 8675, 0x96119E89},  {"i32", 12335, 0xE6770D4D}, {"u32", 12790, 0x8F85AC6C},
    {"i64", 25386, 0x3A3B331B}, {"u64", 25386, 0x3A3B331B}, {"f16", 7306, 0xB4D5918B},
    {"bf16", 6687, 0x738C6D19}, {"f32", 14496, 0x69F7D933}, {"f64", 22696, 0x86273316},
};

}  // namespace mallorn::test
