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
    {"numbers", 2363, 0x825BE64B},    {"steps", 1422, 0x29BD0889},
    {"zeros", 2, 0x2BD45F9B},         {"noise", 1013, 0x2A676804},
    {"text", 2363, 0x4FE70B7D},       {"edited base", 250, 0x5412EE18},
    {"moved words", 323, 0x3EC5246C}, {"grown numbers", 22, 0x6C73AA7D},
    {"derived", 801, 0x0F137C0B},
};

// Of BlockModel: blocks of each dtype, then bytes of one that is not whole, and
// pieces with ranks.
constexpr ModelPin kBlockPins[] = {
    {"q4_0", 3528, 0x253BE878},
    {"q4_1", 3102, 0x712AF2C4},
    {"q5_0", 4141, 0x5A4DBC97},
    {"q5_1", 3646, 0x08054B00},
    {"q8_0", 6640, 0xFE20F5B5},
    {"q2_k", 10273, 0x69762493},
    {"q3_k", 17224, 0xE3397669},
    {"q4_k", 20797, 0x4FA86DF1},
    {"q5_k", 25365, 0x22C0291C},
    {"q6_k", 31983, 0x212B99E7},
    {"iq4_nl", 3655, 0x69738396},
    {"iq4_xs", 22277, 0x82CB482B},
    {"mxfp4", 4000, 0x31DF2E48},
    {"bytes", 126, 0x90498BDD},
    {"q4_k with ranks", 12344, 0x32C214A0},
    {"iq4_nl with ranks", 4364, 0x1E7EEE4D},
};

// Of BlockModel: blocks of each dtype from weights of another.
constexpr ModelPin kWeightPins[] = {
    {"q2_k", 3230, 0x4C168978},   {"q3_k", 4373, 0xE417AA6D}, {"q4_k", 4524, 0xA6FA14FD},
    {"q5_k", 5370, 0xAEFB8EE5},   {"q6_k", 7550, 0x5FAC3259}, {"iq4_nl", 706, 0x4CF63C5C},
    {"iq4_xs", 4640, 0x02B62C1B}, {"mxfp4", 601, 0xFBE89E9F},
};

// Of MaskModel: a mask; two, of which the second follows the first; one full, one empty.
constexpr ModelPin kMaskPins[] = {
    {"one", 466, 0x7A70043B},
    {"two", 697, 0x19169D66},
    {"full and empty", 8, 0xBBD3B3FD},
};

// Of MixedModel: floats that follow a base and one another, codes of which most are zero,
// extremes, integers.
constexpr ModelPin kMixedPins[] = {
    {"floats", 5901, 0x917448E2},
    {"zeros", 1156, 0x05FD6E12},
    {"extremes", 2575, 0xE45C2668},
    {"integers", 1151, 0x5A767005},
};

// Of ResidualModel: sizes that follow exponents, sizes that do not, extremes.
constexpr ModelPin kResidualPins[] = {
    {"trained", 4838, 0xF537A3FE},
    {"mixed", 2253, 0xD219DBE2},
    {"extremes", 2706, 0x7A2613C9},
};

// Of ValueModel: pieces of each dtype.
constexpr ModelPin kValuePins[] = {
    {"i8", 6011, 0xD69D3BF7},   {"u8", 6013, 0x54B58E76},   {"i16", 8681, 0xBA403F6C},
    {"u16", 8720, 0xC784FA1F},  {"i32", 12394, 0x51C6E7A6}, {"u32", 12760, 0xD63A9A68},
    {"i64", 25492, 0x0DCE9DE5}, {"u64", 25492, 0x0DCE9DE5}, {"f16", 7494, 0xEBCA0731},
    {"bf16", 6751, 0x4151DA09}, {"f32", 14759, 0x6559DAD0}, {"f64", 22669, 0xA4E305CE},
};

}  // namespace mallorn::test
